#!/usr/bin/env bash
# Checks the spelling of everything that people read, in American English, with typos at a pinned version. What
# it is told to accept is in typos.toml.
#
# usage: scripts/check-spelling.sh
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.52.0
tools=${CARGO_TARGET_DIR:-target}/tools/typos-$version
if [ ! -x "$tools/bin/typos" ]; then
    if ! python3 -m pip install --quiet --disable-pip-version-check --target "$tools" "typos==$version" 2>/dev/null; then
        rm -rf "$tools"
        echo "NOT RUN: typos $version cannot be installed with pip"
        exit 0
    fi
fi
"$tools/bin/typos" --format brief .
echo "spelling: ok"
