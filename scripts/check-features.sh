#!/usr/bin/env bash
# Checks that crates with features build with none and with each alone, without warnings: with all of
# them at once, as the tests are built, nobody sees that one needs another.
#
#   scripts/check-features.sh [CRATE...]
#
# Without names: every crate below crates/ that has features. A quarter of an hour, since each build is one of its
# own.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
    # A failure inside of a here-string would be none.
    metadata=$(cargo metadata --locked --format-version 1 --no-deps)
    names=$(python3 -c "
import json, sys
for package in json.load(sys.stdin)['packages']:
    if '/crates/' in package['manifest_path'] and package['features'].keys() - {'default'}:
        print(package['name'], end=' ')
" <<<"$metadata")
    read -ra crates <<<"$names"
    [ ${#crates[@]} -gt 0 ] || { echo "no crate has features" >&2; exit 1; }
    set -- "${crates[@]}"
fi

for crate in "$@"; do
    features=$(cargo metadata --locked --format-version 1 --no-deps | python3 -c "
import json, sys
for package in json.load(sys.stdin)['packages']:
    if package['name'] == '$crate':
        print(*sorted(package['features'].keys() - {'default'}))
")
    for feature in '' $features; do
        code=0
        said=$(cargo check --quiet --locked -p "$crate" --no-default-features --features "$feature" 2>&1) ||
            code=$?
        if [ "$code" -ne 0 ] || [ -n "$said" ]; then
            printf '%s\n%s: %s: NOT OK\n' "$said" "$crate" "${feature:-no feature}" >&2
            exit 1
        fi
        echo "$crate: ${feature:-no feature}: ok"
    done
done
