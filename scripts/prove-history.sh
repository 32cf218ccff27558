#!/usr/bin/env bash
# What media-history promises, shown: generated histories that know their media come back bit for bit,
# all media is found and nothing else; large histories take bounded memory, both ways; libraries of
# others load the restored history, and the slim one where they keep media as strings.
#
#   scripts/prove-history.sh [--short]
#
# CONTRACT_DATA may name a directory with recorded histories of real libraries, whose paths that are replaced
# are known. A relative one is below the current directory.
#
# The long form takes 100,000 histories, 1 GiB of media and needs 6 GB of disk under $TMPDIR (default
# /tmp); it installs libraries of others from PyPI and npm, at pinned versions, where python3 and npm
# are there, and says so where they are not. The short form does less of the same and installs nothing.
#
# What was not run is named. The long form ends with 1 then, also without CONTRACT_DATA or, on Linux, without
# root and strace; the short form ends with 0.
set -euo pipefail
if [ -n "${CONTRACT_DATA:-}" ]; then
    CONTRACT_DATA=$(cd "$CONTRACT_DATA" && pwd)
    export CONTRACT_DATA
fi
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

missed=0
not_run() {
    echo "NOT RUN: $*"
    missed=1
}

prove=$(./scripts/program.py example prove_history -- --release -p media-history)

"$prove" round-trip $short
if [ "$(uname -s)" = Linux ]; then
    "$prove" memory $short
else
    not_run "memory is measured on Linux only"
fi
if [ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] && command -v strace >/dev/null; then
    media=$(./scripts/program.py bin media -- -p media-cli)
    python3 scripts/prove-history/kills.py "$media" $short
else
    not_run "killing at system calls needs Linux, root and strace"
fi
if [ -z "${CONTRACT_DATA:-}" ]; then
    not_run "recorded histories need CONTRACT_DATA"
elif [ -n "${MEDIA_PROGRAMS:-}" ]; then
    echo "NOTE: recorded histories, and files beside a writer, are tests, which the test run has run"
else
    said=$(cargo test --locked -p media-history --test it -- golden:: files:: 2>&1) || {
        echo "$said" >&2
        exit 1
    }
    echo "recorded histories, and files beside a writer: $(sed -n 's/^test result: ok. //p' <<<"$said")"
fi
if [ -z "$short" ]; then
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    ./scripts/prove-history/libraries.sh "$prove" | tee "$said"
    if grep -q '^NOT RUN' "$said"; then missed=1; fi
    if [ "$missed" -ne 0 ]; then
        echo "prove-history: not all was run" >&2
        exit 1
    fi
else
    echo "NOTE: libraries of others are asked by the long form only"
    if [ "$missed" -ne 0 ]; then echo "prove-history: not all was run" >&2; fi
fi
