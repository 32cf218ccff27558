#!/usr/bin/env bash
# Kills the file store at every system call of every operation and checks that it kept what it
# promised; cuts the power of ext4 and xfs at every call that changes the disk; then breaks the
# store on purpose, each fsync dropped in turn and orders reversed, which must all be caught.
#
# usage: scripts/prove-crash.sh [--short]
# The figure is printed last; the exit code tells whether it is good. Some minutes, or with --short,
# which looks at points evenly chosen, one. Power cuts need root and loop mounts.
set -euo pipefail
cd "$(dirname "$0")/.."

short=()
case ${1:-} in
--short) short=(--short) ;;
'') ;;
*)
    sed -n '6s/^# //p' "$0" >&2
    exit 2
    ;;
esac
if [[ $(uname) != Linux ]]; then
    echo "NOT RUN: crashes are only made on Linux" >&2
    exit 1
fi

# A program of a Debian package, installed where it is missing and that is possible.
need() {
    command -v "$1" >/dev/null && return
    echo "installing $2"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2"; } >/dev/null 2>&1 ||
        echo "$2 is missing and could not be installed" >&2
}
need strace strace
need mkfs.ext4 e2fsprogs
need mkfs.xfs xfsprogs
if ! command -v strace >/dev/null; then
    echo "NOT RUN: there is no strace" >&2
    exit 1
fi

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
programs=$target/prove-crash
mkdir -p "$programs"
built=$(./scripts/program.py example prove_crash crash_child -- -p media-store-fs)
# Programs of their own: nobody builds over them while they run.
xargs -d '\n' cp -t "$programs" <<<"$built"

# Wrong programs are built from a copy of the sources, one patch each.
tree=$programs/tree
./scripts/mutants/tree.sh "$tree"
selection=(-p media-store-fs)
# The test run has built everything, with all features.
[[ -z ${MEDIA_PROGRAMS:-} ]] || selection=(--all-features)
mutants=()
for patch in scripts/mutants/*.patch; do
    name=$(basename "$patch" .patch)
    patch --quiet -p1 -d "$tree" <"$patch"
    mv "$tree/crates/media-store-fs/examples/crash_child" "$tree/crates/media-store-fs/examples/$name"
    (cd "$tree" && CARGO_TARGET_DIR=$target cargo build --quiet "${selection[@]}" --example "$name")
    mv "$tree/crates/media-store-fs/examples/$name" "$tree/crates/media-store-fs/examples/crash_child"
    patch --quiet --reverse -p1 -d "$tree" <"$patch"
    cp "$target/debug/examples/$name" "$programs/"
    mutants+=(--mutant "$name=$programs/$name")
done

# On a disk, not in memory: what is proven is what comes after a cache.
work=$(mktemp -d "${PROVE_CRASH_DIR:-/var/tmp}/prove-crash.XXXXXX")
cleanup() {
    for mounted in "$work"/*/*.mounted "$work"/*.mounted; do
        if mountpoint -q "$mounted"; then umount "$mounted" || true; fi
    done
    rm -rf "$work"
}
trap cleanup EXIT

"$programs/prove_crash" --child "$programs/crash_child" --work "$work" "${mutants[@]}" "${short[@]}"
