#!/usr/bin/env bash
# Part one drives the state machines of the object store's deduplication protocol, the code that the
# store runs, through every interleaving of several processes on a model of a bucket, with processes
# that stop for ever and requests that are lost, late or repeated; weakened variants, each of which
# must be caught; and schedules by lot where there are too many to look at all.
#
# Part two is a soak: six processes, two of them by the first protocol, store, read, delete and sweep
# in a bucket of an S3 server, behind a proxy that breaks some of their requests, and are paused and
# killed at random; those of the second also change metadata. Nothing that was acknowledged may be
# lost, nothing may be listed that is not there, nothing that was deleted by the second protocol may be
# read. Broken variants must be caught.
#
# usage: scripts/prove-protocol.sh [--short | --trace] [seconds of the soak, 60 or with --short 20]
# The figures are printed last; the exit code tells whether they are good. About twelve minutes, or
# with --short two. --trace prints a shortest way to each loss of the weakened variants too.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '13s/^# //p' "$0" >&2
    exit 2
}

arguments=()
seconds=60
case ${1:-} in
--short)
    arguments=("$1")
    seconds=20
    shift
    ;;
--trace)
    arguments=("$1")
    shift
    ;;
esac
seconds=${1:-$seconds}
[[ $seconds =~ ^[0-9]+$ && $# -le 1 ]] || usage
good=yes
# Nothing of a cloud is in it: the clients of the services need not be built.
selection=(--release -p media-store-object)
prove=$(./scripts/program.py example prove_protocol -- "${selection[@]}" --no-default-features)
figures=$(
    set -o pipefail
    "$prove" "${arguments[@]}" |
        tee >(cat >&2) | tail -n 1
) || good=no

if [[ $(uname) == Linux ]]; then
    soaks=$(./scripts/program.py example soak_bucket -- "${selection[@]}")
    # It starts this one, which lies beside it.
    ./scripts/program.py bin test-server -- --release -p test-servers >/dev/null
    variants=(list-then-delete one-step)
    caught=0
    for variant in "${variants[@]}"; do
        if "$soaks" 30 --variant "$variant"; then
            caught=$((caught + 1))
        fi
    done
    soak=$("$soaks" "$seconds" | tee >(cat >&2) | tail -n 1) || good=no
    figures+=$'\n'"$soak, $caught of ${#variants[@]} broken variants caught"
    [[ $caught -eq ${#variants[@]} ]] || good=no
else
    echo "NOT RUN: the soak, which is proven on Linux only" >&2
    good=no
fi

echo "$figures"
[[ $good == yes ]]
