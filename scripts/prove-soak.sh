#!/usr/bin/env bash
# Eight processes store, verify, delete and sweep two contents in one directory while one of them is
# killed every 50 to 120 ms. Nothing acknowledged may be lost, nothing may be left behind, and usage
# must be the truth. Then variants that are broken on purpose, each of which must be caught within
# 15 seconds.
#
# usage: scripts/prove-soak.sh [seconds | operations, as 1000000ops | --short]   (default: 60 seconds)
# The figure is printed last; the exit code tells whether it is good.
set -euo pipefail
cd "$(dirname "$0")/.."

end=${1:-60}
case $end in
--short) end=20 ;;
esac
if ! [[ $end =~ ^[0-9]+(ops)?$ ]]; then
    sed -n '7s/^# //p' "$0" >&2
    exit 2
fi
if [[ $(uname) != Linux ]]; then
    echo "NOT RUN: the soak reads what Linux tells about files and processes" >&2
    exit 1
fi

soak=$(./scripts/program.py example soak -- -p media-store-fs)

variants=(no-pin no-staging-check)
caught=0
for variant in "${variants[@]}"; do
    if "$soak" run 15 "$variant"; then
        caught=$((caught + 1))
    fi
done

good=yes
figure=$("$soak" run "$end") || good=no
echo "$figure, $caught of ${#variants[@]} broken variants caught"
[[ $good == yes && $caught -eq ${#variants[@]} ]]
