#!/usr/bin/env bash
# Checks that the patches that remove a guard still apply and say what they break: a proof that runs them
# finds out only in its long form.
#
# usage: scripts/check-mutants.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -a crates "$tree/"
broken=0
for patch in scripts/mutants/turns/*.patch; do
    if ! patch --dry-run --quiet -p1 -d "$tree" <"$patch" >/dev/null; then
        echo "$patch does not apply" >&2
        broken=1
    fi
    if ! grep -q '^expects: .' "$patch"; then
        echo "$patch does not say what it breaks" >&2
        broken=1
    fi
done
[ "$broken" -eq 0 ] && echo "mutants: ok"
exit "$broken"
