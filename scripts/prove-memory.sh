#!/usr/bin/env bash
# How much memory media takes on its way, in release, against the bounds of the product; the
# figures are printed last, and one that is not met fails the run.
#
#   scripts/prove-memory.sh [--short]
#
# Needs 2 GB of disk under $TMPDIR (default /tmp); `--short` sends and stores less, within the same
# bounds, and needs a quarter of that.
set -euo pipefail
cd "$(dirname "$0")/.."

short=
case ${1:-} in
'') ;;
--short) short=--short ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
if [ "$(uname -s)" != Linux ]; then
    echo "NOT RUN: memory is measured on Linux only" >&2
    exit 2
fi

prove=$(./scripts/program.py example prove_memory -- --release -p conversation-sdk --features openai)
figures=$(mktemp)
trap 'rm -f "$figures"' EXIT
failed=0
for part in send receive store; do
    # shellcheck disable=SC2086
    "$prove" "$part" $short | tee -a "$figures" || failed=1
done
printf '\nmemory above idle:\n'
cat "$figures"
if [ "$failed" -ne 0 ]; then
    echo "FAILED"
    exit 1
fi
