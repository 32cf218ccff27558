#!/usr/bin/env bash
# Proves what media-image promises with real images: no panic, thumbnails that are never larger than their
# originals and that another decoder reads, a bomb that costs no memory; and the time beside ImageMagick.
#
# usage: scripts/prove-images.sh [DIRECTORY]
# Images are taken from the directory and below. By default they are those that the tests of Pillow read, good and
# broken ones, and photos of a desktop, from their packages: 300 at least, of every kind that is decoded.
set -euo pipefail
cd "$(dirname "$0")/.."
source=${1:-}
most=600
PILLOW=11.3.0
PHOTOS=gnome-backgrounds
fail() {
    printf 'images: %s\n' "$*" >&2
    exit 1
}
if [ "$(uname -s)" != Linux ]; then
    echo "NOT RUN: memory is measured on Linux only" >&2
    exit 2
fi
if [ -z "$source" ]; then
    source=${XDG_CACHE_HOME:-$HOME/.cache}/conversation-media/images-$PILLOW
    if [ ! -d "$source" ]; then
        rm -rf "$source.new"
        mkdir -p "$source.new"
        (
            cd "$source.new"
            python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: "pillow==$PILLOW" ||
                fail "Pillow $PILLOW could not be downloaded"
            tar --extract --gzip --file ./*.tar.gz --wildcards '*/Tests/images/*'
            rm ./*.tar.gz
            if apt-get download -qq "$PHOTOS" 2>/dev/null; then
                dpkg -x "$PHOTOS"*.deb .
                rm ./*.deb
            else
                echo "NOT RUN: photos, since $PHOTOS could not be downloaded" >&2
            fi
        )
        mv "$source.new" "$source"
    fi
    for kind in png jpg gif webp; do
        number=$(find "$source" -type f -name "*.$kind" | wc -l)
        [ "$number" -ge 5 ] || fail "only $number files are $kind"
    done
fi
cargo build --locked --quiet --release -p media-image --example prove_images
prove=${CARGO_TARGET_DIR:-target}/release/examples/prove_images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$prove" bomb
"$prove" fit "$source" "$work/out" "$most"
"$prove" damaged "$source" "$most"
made=$(find "$work/out" -type f | wc -l)
[ "$made" -gt 0 ] || fail "no image is in $source"
[ $# -gt 0 ] || [ "$made" -ge 300 ] || fail "only $made thumbnails were made"

if ! convert -version 2>/dev/null | grep ImageMagick >/dev/null; then
    echo "NOT RUN: ImageMagick is missing, so that no other decoder reads the thumbnails" >&2
    exit 0
fi
"$prove" list "$source" "$most" >"$work/files"
unread=0
for thumbnail in "$work"/out/*; do
    ! convert "$thumbnail" null: 2>/dev/null || continue
    # It is what it was: nothing was made smaller.
    number=$(basename "${thumbnail%.*}")
    original=$(sed -n "$((number + 1))p" "$work/files")
    ! convert "$original" null: 2>/dev/null || fail "ImageMagick reads $original, but not its thumbnail"
    unread=$((unread + 1))
done
printf '%s thumbnails are read by ImageMagick, of %s neither they nor their originals\n' $((made - unread)) "$unread"
mkdir "$work/magick"
started=$(date +%s%N)
number=0
while read -r file; do
    number=$((number + 1))
    convert "${file}[0]" -limit thread 1 -auto-orient -strip -thumbnail '320x320>' "$work/magick/$number.jpg" 2>/dev/null || true
done <"$work/files"
printf 'ImageMagick, a process for each: %d ms\n' $((($(date +%s%N) - started) / 1000000))
