#!/usr/bin/env bash
# Copies the sources to DIR, where patches of this directory can be applied and built.
#
#   scripts/mutants/tree.sh DIR
#
# The copy has another version, so that to cargo its packages are others than ours: both are built in one
# target directory, and packages that are not ours are built once. Files keep their times, so that only
# what a patch changes is built anew, or changed last time.
set -euo pipefail
cd "$(dirname "$0")/../.."

tree=${1:?where to}
rm -rf "$tree"
mkdir -p "$tree"
cp -a Cargo.toml Cargo.lock README.md benches crates docs examples packs "$tree/"
sed -i '/^\[workspace\.package\]/,/^$/s/^version = "\(.*\)"/version = "\1+patched"/' "$tree/Cargo.toml"
cat scripts/mutants/*.patch scripts/mutants/*/*.patch | sed -n "s#^+++ b/#$tree/#p" | sort -u | xargs touch
