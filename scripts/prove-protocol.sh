#!/usr/bin/env bash
# Part one drives the state machines of the object store's deduplication protocol, the code that the
# store runs, through every interleaving of several processes on a model of a bucket, with processes
# that stop for ever and requests that are lost, late or repeated; weakened variants, each of which
# must be caught; and schedules by lot where there are too many to look at all.
#
# usage: scripts/prove-protocol.sh [--short | --trace]
# The figures are printed last; the exit code tells whether they are good. About ten minutes, or with
# --short one. --trace prints a shortest way to each loss of the weakened variants too.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=()
case ${1:-} in
--short | --trace) arguments=("$1") ;;
'') ;;
*)
    sed -n '7s/^# //p' "$0" >&2
    exit 2
    ;;
esac

good=yes
# Nothing of a cloud is in it: the clients of the services need not be built.
cargo build --quiet --release -p media-store-object --no-default-features --example prove_protocol
figures=$(
    set -o pipefail
    "${CARGO_TARGET_DIR:-target}/release/examples/prove_protocol" "${arguments[@]}" |
        tee /dev/stderr | tail -n 1
) || good=no

# Part two, the soak of processes against a server, begins here: it adds its line to the figures.

echo "$figures"
[[ $good == yes ]]
