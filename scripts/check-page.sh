#!/usr/bin/env bash
# Uses the page of the chat service in a real Chromium, as a person does: uploads a photo and a sound, reads
# the streamed answer, reloads, looks at thumbnails, seeks, sends a large file that is cut and goes on after a
# reload, has an image generated, and deletes everything while files are being sent.
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
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
shots=${1:-$work/shots}
mkdir -p "$shots"
shots=$(cd "$shots" && pwd)

cargo build --locked --quiet -p chat-service
mkdir "$work/data"
cp scripts/check-page/page.mjs "$work/"
(cd "$work" && npm install --silent --no-audit --no-fund playwright-core@1)
unset OPENAI_API_KEY OPENAI_BASE_URL
"${CARGO_TARGET_DIR:-target}/debug/chat-service" --listen 127.0.0.1:0 --data "$work/data" >"$work/address" 2>"$work/log" &
server=$!
for _ in $(seq 300); do
    [ ! -s "$work/address" ] || break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
(cd "$work" && CHROMIUM=$chromium node page.mjs "$(cat address)" "$shots") || {
    tail -n 20 "$work/log" >&2
    exit 1
}
[ "$(find "$work/data/media" -name '*.meta' 2>/dev/null | wc -l)" -eq 0 ] || {
    echo "page: media is left in the store" >&2
    exit 1
}
cd "$root"
echo "page: ok"
