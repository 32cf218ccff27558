#!/usr/bin/env bash
# Proves what media-image promises with real images: no panic, thumbnails that are never larger than their
# originals and that another decoder reads, a bomb that costs no memory; and the time beside ImageMagick.
#
# usage: scripts/prove-images.sh [DIRECTORY]
# Images are taken from the directory and below, by default /usr/share; at most 300 of them.
set -euo pipefail
cd "$(dirname "$0")/.."
source=${1:-/usr/share}
most=300
if [ "$(uname -s)" != Linux ]; then
    echo "NOT RUN: memory is measured on Linux only" >&2
    exit 2
fi
cargo build --locked --quiet --release -p media-image --example prove_images
prove=${CARGO_TARGET_DIR:-target}/release/examples/prove_images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$prove" bomb
"$prove" fit "$source" "$work/out" "$most"
"$prove" damaged "$source" "$most"
made=$(find "$work/out" -type f | wc -l)
[ "$made" -gt 0 ] || { echo "images: no image is in $source" >&2; exit 1; }

if ! convert -version 2>/dev/null | grep ImageMagick >/dev/null; then
    echo "NOT RUN: ImageMagick is missing, so that no other decoder reads the thumbnails" >&2
    exit 0
fi
find "$work/out" -type f -print0 | xargs -0 -n 20 sh -c 'for f; do convert "$f" null: || exit 255; done' sh
printf '%s thumbnails are read by ImageMagick\n' "$made"
mkdir "$work/magick"
"$prove" list "$source" "$most" >"$work/files"
started=$(date +%s%N)
number=0
while read -r file; do
    number=$((number + 1))
    convert "${file}[0]" -limit thread 1 -auto-orient -strip -thumbnail '320x320>' "$work/magick/$number.jpg" 2>/dev/null || true
done <"$work/files"
printf 'ImageMagick, a process for each: %d ms\n' $((($(date +%s%N) - started) / 1000000))
