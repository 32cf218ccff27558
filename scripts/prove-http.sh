#!/usr/bin/env bash
# Proves what media-http promises, over real connections to a server in a process of its own: conditions and
# ranges as RFC 9110 has them, many readers at once beside some that stand still, rotated keys, links that are
# forged, expired or foreign, uploads that are cut and sent again, uploads in parts whose connections are cut and
# whose server is killed, one of them by tus-js-client, and the memory of the server while it takes and gives
# 1 GiB and refuses forms without end.
#
# usage: scripts/prove-http.sh [--short]
# `--short` does less of each, and without tus-js-client: half a minute.
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
    echo "NOT RUN: memory is measured on Linux only" >&2
    exit 2
fi
arguments=("${short[@]}")
if [ ${#short[@]} -gt 0 ]; then
    echo "NOT RUN: uploads by tus-js-client (--short)" >&2
elif ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    echo "NOT RUN: uploads by tus-js-client, since Node.js or npm is missing" >&2
else
    TUS_MODULES=$(realpath -m "${CARGO_TARGET_DIR:-target}/tus-js-client")
    export TUS_MODULES
    mkdir -p "$TUS_MODULES"
    if ! (cd "$TUS_MODULES" && npm install --silent --no-save --no-audit --no-fund --prefix . tus-js-client@4.3.1); then
        echo "FAILED: tus-js-client cannot be installed" >&2
        exit 1
    fi
    arguments+=(--tus-client "$PWD/scripts/prove-http/upload.mjs")
fi
prove=$(./scripts/program.py example prove_http -- --release -p media-http --features resumable)
"$prove" "${arguments[@]}"
