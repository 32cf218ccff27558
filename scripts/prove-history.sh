#!/usr/bin/env bash
# What media-history promises, shown: generated histories that know their media come back bit for bit,
# all media is found and nothing else; large histories take bounded memory, both ways; libraries of
# others load the restored history, and the slim one where they keep media as strings.
#
#   scripts/prove-history.sh [--short]
#
# The long form takes 100,000 histories, 1 GiB of media and needs 6 GB of disk under $TMPDIR (default
# /tmp); it installs libraries of others from PyPI and npm, at pinned versions, where python3 and npm
# are there, and says so where they are not. The short form does less of the same and installs nothing.
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

if [ -n "${MEDIA_WHOLE_WORKSPACE:-}" ]; then
    # The test run has built the whole workspace already, for development.
    profile=debug
    cargo build --locked --quiet --all-features --example prove_history
else
    profile=release
    cargo build --locked --quiet --release -p media-history --example prove_history
fi
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
prove="$target/$profile/examples/prove_history"

"$prove" round-trip $short
if [ "$(uname -s)" = Linux ]; then
    "$prove" memory $short
else
    echo "NOT RUN: memory is measured on Linux only"
fi
if [ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] && command -v strace >/dev/null; then
    selection=(-p media-cli)
    # With an example, features are those of the tests: without one all would be built anew.
    [ -z "${MEDIA_WHOLE_WORKSPACE:-}" ] || selection=(--all-features --example prove_history)
    cargo build --locked --quiet "${selection[@]}" --bin media
    python3 scripts/prove-history/kills.py "$target/debug/media" $short
else
    echo "NOT RUN: killing at system calls needs Linux, root and strace"
fi
if [ -z "$short" ]; then
    ./scripts/prove-history/libraries.sh "$prove"
else
    echo "NOTE: libraries of others are asked by the long form only"
fi
