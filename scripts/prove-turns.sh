#!/usr/bin/env bash
# Proves what a turn promises, with real files and a real server on the loopback interface: processes
# are killed at every system call of each of their threads and at random times of a long answer, answers
# are cut after every byte, readers stand still, answers of the state store are late, lost or repeated,
# two processes compete for one conversation, and one is cancelled, deleted or its user erased at every
# step of a turn. A judge reads the database, the media directory and the server's log without the
# library. Then each proof is run against programs of which a guard was removed, and must find what its
# patch (`scripts/mutants/turns`) expects, in these words.
#
# usage: scripts/prove-turns.sh [--short | --without-guards] [PART ...]
# `--short` looks at points evenly chosen and leaves out the programs without guards: a minute.
# `--without-guards` runs those programs alone. Without a part, all are run: cuts, readers, faults,
# nodes, deletes, cancels, streams, kills. SEED=N repeats the random times of streams, which prints it.
set -euo pipefail
cd "$(dirname "$0")/.."

short=()
guards=1
whole=1
case ${1:-} in
--short) short=(--short) guards= && shift ;;
--without-guards) whole= && shift ;;
-*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
parts=("$@")
[ $# -gt 0 ] || parts=(cuts readers faults nodes deletes cancels streams kills)
if [ "$(uname -s)" != Linux ]; then
    echo "NOT RUN: processes are killed at their system calls on Linux only" >&2
    exit 2
fi
if ! command -v strace >/dev/null; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends strace; } >/dev/null 2>&1 || true
fi
if ! command -v strace >/dev/null; then
    echo "NOT RUN: there is no strace" >&2
    exit 1
fi

selection=(-p conversation-sdk --features openai,sqlite)
# The test run has built everything, with all features.
[ -z "${MEDIA_PROGRAMS:-}" ] || selection=(--all-features)
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
programs=$target/prove-turns
mkdir -p "$programs"
# What a killed process has written stays, also where no disk is: only power cuts need one.
if [ -d /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -gt 1000000 ]; then
    TMPDIR=$(mktemp -d /dev/shm/prove-turns.XXXXXX)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi
failed=0
if [ -n "$whole" ]; then
    prove=$(./scripts/program.py example prove_turns -- "${selection[@]}")
    # A program of its own: nobody builds over it while it runs.
    cp "$prove" "$programs/prove_turns"
    for part in "${parts[@]}"; do
        "$programs/prove_turns" "$part" "${short[@]}" ${SEED:+"--seed=$SEED"} || failed=1
    done
fi
if [ -z "$guards" ]; then
    [ "$failed" -eq 0 ] || echo FAILED
    exit "$failed"
fi

# Programs without a guard are built from a copy of the sources, one patch each.
tree=$programs/tree
./scripts/mutants/tree.sh "$tree"
for part in "${parts[@]}"; do
    patches=(scripts/mutants/turns/"$part"-*.patch)
    if [ ! -f "${patches[0]}" ]; then
        echo "no program without a guard of $part"
        failed=1
        continue
    fi
    for patch in "${patches[@]}"; do
        expects=$(sed -n 's/^expects: //p' "$patch")
        patch --quiet --no-backup-if-mismatch -p1 -d "$tree" <"$patch"
        (cd "$tree" && CARGO_TARGET_DIR=$target cargo build --quiet "${selection[@]}" --example prove_turns)
        patch --quiet --no-backup-if-mismatch --reverse -p1 -d "$tree" <"$patch"
        cp "$target/debug/examples/prove_turns" "$programs/without_guard"
        echo "without the guard $(basename "$patch" .patch):"
        if "$programs/without_guard" "$part" --short --expect-failure "$expects"; then
            echo "  found"
        else
            echo "  NOT FOUND"
            failed=1
        fi
        # The name is free again only when its processes have ended.
        rm -f "$programs/without_guard"
    done
done
[ "$failed" -eq 0 ] || echo FAILED
exit "$failed"
