#!/usr/bin/env bash
# Builds the pages of docs as a book into target/book, with mdBook at a pinned version, and checks its links.
#
# usage: scripts/book.sh
# mdBook is installed from source where it is not there yet, which takes minutes; MDBOOK may name one.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.4.52
tools=$PWD/target/tools/mdbook-$version
mdbook=${MDBOOK:-$tools/bin/mdbook}
if [ ! -x "$mdbook" ]; then
    # Without the server and the watcher, which are most of it.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked \
        --no-default-features --features search --root "$tools" --version "$version" mdbook
    rm -rf "$tools/build"
fi
rm -rf target/book
"$mdbook" build
# The crate that tests the pages is no page.
rm -rf target/book/check
./scripts/check-pages.py target/book
