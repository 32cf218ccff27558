#!/usr/bin/env bash
# Asks libraries of others whether they load histories: as they wrote them, restored, and slim.
#
#   scripts/prove-history/libraries.sh PROVE_HISTORY
#
# Called by scripts/prove-history.sh. Installs the libraries into a temporary directory.
set -euo pipefail
prove=$(realpath "$1")
cd "$(dirname "$0")"

work=$(mktemp -d "${TMPDIR:-/tmp}/prove-history.XXXXXX")
trap 'rm -rf "$work"' EXIT

python=
if command -v python3 >/dev/null && python3 -m venv "$work/venv" 2>/dev/null &&
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r python.txt; then
    python="$work/venv/bin/python"
else
    echo "NOT RUN: the Python libraries could not be installed"
fi
if [ -n "$python" ]; then
    "$python" load.py write "$work"
    for file in "$work"/*.json; do
        name=$(basename "$file" .json)
        "$prove" slim "$file" "$work/$name.slim" "$work/store" >/dev/null
        "$prove" restore "$work/$name.slim" "$work/$name.restored" "$work/store" >/dev/null
        cmp "$file" "$work/$name.restored"
    done
    "$python" load.py read "$work"
fi
if command -v npm >/dev/null && cp package.json load.mjs "$work" &&
    (cd "$work" && npm install --silent --no-audit --no-fund); then
    (
        cd "$work"
        node load.mjs write vercel.ui
        "$prove" slim vercel.ui vercel.slim store >/dev/null
        "$prove" restore vercel.slim vercel.restored store >/dev/null
        cmp vercel.ui vercel.restored
        node load.mjs read vercel
    )
else
    echo "NOT RUN: the npm libraries could not be installed"
fi
