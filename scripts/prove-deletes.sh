#!/usr/bin/env bash
# What was deleted stays deleted, and nothing else is.
#
# Four processes store, duplicate and delete in one directory while it is verified with repair and
# quarantine, again and again. Nothing is damaged, so not one file may be moved, and no reference may be
# lost. Then the same with a verification that remembers hashes by inode number, as the first version did:
# it must move sound media. Then a raw scan of a disk after everything of a user was deleted, in each state of media
# that could leave something; and the tests of damaged sidecars, quarantine, holds and moved directories.
#
# Then buckets, by the second protocol: a late copy of each request of stores and deletions, stores that die
# while their scope is deleted, a raw scan after everything of a user was deleted, one process of each protocol
# beside each other, and random schedules. Then services behind a proxy: completions of uploads that arrive late,
# and the media of a user in S3 buckets with and without versions, deleted and swept while requests and answers are
# lost. Nothing that was deleted may come back.
#
# usage: scripts/prove-deletes.sh [operations | --short]   (default: 100000; short: 20000)
# The figure is printed last; the exit code tells whether it is good.
set -euo pipefail
cd "$(dirname "$0")/.."

operations=${1:-100000}
case $operations in
--short) operations=20000 ;;
esac
if ! [[ $operations =~ ^[0-9]+$ ]]; then
    sed -n '16s/^# //p' "$0" >&2
    exit 2
fi
if [[ $(uname) != Linux ]]; then
    echo "NOT RUN: only Linux reuses inode numbers in a way that the proof knows" >&2
    exit 1
fi

selection=(-p media-store-fs)
prove=$(./scripts/program.py example prove_deletes -- "${selection[@]}")

good=yes
broken=$("$prove" run "$operations" by-inode) || good=no
figure=$("$prove" run "$operations") || good=no
echo "$broken"
echo "$figure"
"$(./scripts/program.py example prove_erasure -- "${selection[@]}")" || good=no
if [[ -n ${MEDIA_PROGRAMS:-} ]]; then
    echo "NOTE: damaged sidecars and buckets are tests, which the test run has run"
else
    cargo test --locked --quiet "${selection[@]}" --test it -- damage:: moved:: raced:: erased:: quarantined:: >/dev/null || good=no
    of_buckets=(store::second clouds::late_completion clouds::versions clouds::erased)
    buckets=$(cargo test --locked --quiet -p media-store-object --all-features --test it -- "${of_buckets[@]}" --nocapture) ||
        good=no
    grep -E "came back" <<<"$buckets" || good=no
    # As many as there are in these modules, or something was left out.
    if [[ $buckets =~ ([0-9]+)\ passed\;\ ([0-9]+)\ failed ]] && ((BASH_REMATCH[1] > 0)); then
        echo "deletions in buckets: ${BASH_REMATCH[1]} of $((BASH_REMATCH[1] + BASH_REMATCH[2])) tests passed"
    else
        good=no
    fi
fi
[[ $good == yes ]]
