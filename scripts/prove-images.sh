#!/usr/bin/env bash
# Proves what media-image promises with real images: no panic, thumbnails that are never larger than their
# originals, that another decoder reads, and that are turned as ImageMagick turns them, a bomb that costs no memory;
# and the time beside ImageMagick.
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
        )
        mv "$source.new" "$source"
    fi
    # Without photos, each run says so and tries again.
    if [ ! -d "$source/usr" ]; then
        if ! (cd "$source" && apt-get download -qq "$PHOTOS" 2>/dev/null && dpkg -x "$PHOTOS"*.deb .); then
            echo "NOT RUN: photos, since $PHOTOS could not be downloaded" >&2
            rm -rf "$source/usr"
        fi
        rm -f "$source"/*.deb
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
    name=$(basename "$thumbnail")
    number=${name%%.*}
    # What was not written again is what it was, good or not.
    [[ $name == *.kept.* ]] || fail "ImageMagick does not read the thumbnail $name, which was written"
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

# Photos and their thumbnails show the same, turned alike. What is turned otherwise differs by far more.
turned=0
compared=0
for ours in "$work"/out/*.rendered.jpg; do
    name=$(basename "$ours")
    number=$((${name%%.*} + 1))
    original=$(sed -n "${number}p" "$work/files")
    theirs=$work/magick/$number.jpg
    case $original in *.jpg | *.jpeg | *.JPG) ;; *) continue ;; esac
    # Decoders guess differently what damaged pixels show.
    if [ ! -f "$theirs" ] || [ -n "$(convert "$original" null: 2>&1)" ]; then continue; fi
    size=$(identify -format '%wx%h' "$ours")
    convert "$theirs" -resize "$size!" "$work/theirs.png"
    # It ends with 1 where images differ at all.
    difference=$(compare -metric RMSE "$ours" "$work/theirs.png" null: 2>&1 || true)
    difference=$(sed -n 's/.*(\([0-9.e-]*\)).*/\1/p' <<<"$difference")
    awk -v difference="${difference:-1}" 'BEGIN { exit !(difference < 0.1) }' ||
        fail "the thumbnail of $original differs from that of ImageMagick by ${difference:-its size}"
    compared=$((compared + 1))
    case $(identify -format '%[EXIF:Orientation]' "$original" 2>/dev/null) in [2-8]*) turned=$((turned + 1)) ;; esac
done
printf '%d thumbnails of photos show what those of ImageMagick show, %d of them turned\n' "$compared" "$turned"
[ $# -gt 0 ] || [ "$turned" -ge 7 ] || fail "only $turned photos were turned"
