#!/usr/bin/env bash
# Uses the page of the chat service in a real Chromium, as a person does: drops a photo on it and chooses a sound, reads
# the streamed answer, reloads, looks at thumbnails, seeks by ranges, sends a large file that is cut and goes on after a
# reload, has an image generated, and deletes everything while files are being sent. Then with the media in a
# bucket: files go straight to it by its CORS rule, and through the service without one.
#
# usage: scripts/check-page.sh [DIRECTORY]
# Screenshots are written to the directory. Needs Node.js with npm, and Chromium: set CHROMIUM to its path if
# it is not called `chromium`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$chromium" ] || ! command -v npm >/dev/null; then
    echo "NOT RUN: Chromium, Node.js or npm is missing" >&2
    exit 2
fi
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
shots=${1:-$work/shots}
mkdir -p "$shots"
shots=$(cd "$shots" && pwd)

cargo build --locked --quiet -p chat-service
cargo build --locked --quiet -p test-servers
built=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
cp scripts/check-page/*.mjs "$work/"
(cd "$work" && npm install --silent --no-audit --no-fund playwright-core@1)
unset OPENAI_API_KEY OPENAI_BASE_URL

# serve NAME COMMAND...: starts a server, and waits for its first line.
serve() {
    local name=$1
    shift
    "$@" >"$work/$name" 2>"$work/$name.log" &
    pids+=($!)
    for _ in $(seq 300); do
        [ ! -s "$work/$name" ] || return 0
        kill -0 "${pids[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/$name.log" >&2
    exit 1
}
# visit SERVICE SCRIPT ARGUMENT...: runs what a person does at the page of a service.
visit() {
    local service=$1 script=$2
    shift 2
    (cd "$work" && CHROMIUM=$chromium node "$script" "$(cat "$service")" "$shots" "$@") || {
        tail -n 20 "$work/$service.log" >&2
        exit 1
    }
}

mkdir "$work/data"
serve service "$built/chat-service" --listen 127.0.0.1:0 --data "$work/data"
visit service page.mjs
[ "$(find "$work/data/media" -name '*.meta' 2>/dev/null | wc -l)" -eq 0 ] || {
    echo "page: media is left in the store" >&2
    exit 1
}

serve s3 "$built/test-server" s3 --dir "$work/objects"
for _ in $(seq 50); do
    ! grep -q '^access' "$work/s3" || break
    sleep 0.1
done
read -r -a access <<<"$(sed -n 's/^access //p' "$work/s3")"
serve bucket node "$work/bucket.mjs" "$(sed -n 's/^listening on //p' "$work/s3")" "$work/rule"
bucket=$(cat "$work/bucket")
export AWS_ACCESS_KEY_ID=${access[0]} AWS_SECRET_ACCESS_KEY=${access[1]} AWS_ENDPOINT_URL=$bucket \
    AWS_REGION=us-east-1 AWS_ALLOW_HTTP=true
serve direct "$built/chat-service" --listen 127.0.0.1:0 --data "$work/direct-data" \
    --bucket "s3://${access[2]}/media" --bucket-uploads direct
visit direct direct.mjs "$bucket" "$work/rule"
cd "$root"
echo "page: ok"
