#!/usr/bin/env bash
# Proves what a turn promises, with real files and a real server on the loopback interface: processes
# are killed at every system call and at random times of a long answer, answers are cut after every
# byte, readers stand still, and two processes compete for one conversation. A judge reads the
# database, the media directory and the server's log without the library. Then each proof is run
# against a program whose guard was removed, and must find that out.
#
# usage: scripts/prove-turns.sh [--short]
# `--short` looks at points evenly chosen and leaves out the programs without guards: two minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

short=()
case ${1:-} in
--short) short=(--short) ;;
'') ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
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
if [ -n "${MEDIA_WHOLE_WORKSPACE:-}" ]; then
    selection=(--all-features)
fi
cargo build --locked --quiet "${selection[@]}" --example prove_turns
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
programs=$target/prove-turns
mkdir -p "$programs"
# A program of its own: nobody builds over it while it runs.
cp "$target/debug/examples/prove_turns" "$programs/prove_turns"

failed=0
for part in cuts readers nodes streams kills; do
    "$programs/prove_turns" "$part" "${short[@]}" || failed=1
done
if [ ${#short[@]} -gt 0 ]; then
    [ "$failed" -eq 0 ] || echo FAILED
    exit "$failed"
fi

# Programs without a guard are built from a copy of the sources, one patch each, in a target directory
# of their own: cargo tells packages by their place in a workspace, and would take one for the other.
tree=$programs/tree
rm -rf "$tree"
mkdir -p "$tree"
cp -a Cargo.toml Cargo.lock crates "$tree/"
sed -i -E '/^default-members/d; s/^members = .*/members = ["crates\/*"]/' "$tree/Cargo.toml"
for patch in scripts/mutants/turns/*.patch; do
    part=$(basename "$patch" .patch)
    patch --quiet -p1 -d "$tree" <"$patch"
    (cd "$tree" && CARGO_TARGET_DIR=$programs/target cargo build --quiet \
        -p conversation-sdk --features openai,sqlite --example prove_turns)
    patch --quiet --reverse -p1 -d "$tree" <"$patch"
    echo "without the guard of $part:"
    if "$programs/target/debug/examples/prove_turns" "$part" --short --expect-failure; then
        echo "  found"
    else
        echo "  NOT FOUND"
        failed=1
    fi
done
[ "$failed" -eq 0 ] || echo FAILED
exit "$failed"
