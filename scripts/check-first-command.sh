#!/usr/bin/env bash
# Runs the README's first command as a newcomer does, twice, in an empty directory, and looks at
# what it left behind.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'first command: %s\n' "$*" >&2; exit 1; }

unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_MODEL OPENAI_IMAGE_MODEL MEDIA_DIR
image_generator=$(cd "$root" && ./scripts/program.py example image_generator)
cp -r "$root/packs" "$work/"
cd "$work"

"$image_generator" >first.txt || { cat first.txt; fail "it failed"; }
conversations=(media/session-demo-001/conv-*/)
[ ${#conversations[@]} -eq 1 ] || fail "one directory of a conversation expected"
images=$(find media/session-demo-001 -name '*.png' | wc -l)
[ "$images" -eq 4 ] || fail "4 images expected, $images found"
unique=$(find media/session-demo-001 -name '*.png' -exec sha256sum {} + | cut -d' ' -f1 | sort -u | wc -l)
[ "$unique" -eq 3 ] || fail "3 different images expected, $unique found"
[ -f media/.dedup-index.json ] || fail "no index"
[ -f conversations.sqlite ] || fail "no state"
state=$(stat -c %s conversations.sqlite 2>/dev/null || stat -f %z conversations.sqlite)
[ "$state" -lt 262144 ] || fail "the state has $state bytes: is there media in it?"
grep -q 'references' first.txt || fail "no summary"

"$image_generator" >second.txt || { cat second.txt; fail "the second run failed"; }
grep -q 'continuing conv-' second.txt || { cat second.txt; fail "the second run did not continue"; }
printf 'first command: ok, %s images, %s bytes of state\n' "$images" "$state"
