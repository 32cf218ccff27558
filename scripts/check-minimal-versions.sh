#!/usr/bin/env bash
# Builds everything with the oldest versions of its direct dependencies that the manifests allow: a version
# in a manifest is a promise to those who depend on these crates.
#
# usage: scripts/check-minimal-versions.sh
# Works on a copy of what is committed; builds in target/minimal-versions, or below $CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}/minimal-versions
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git archive HEAD | tar -x -C "$tree"
cd "$tree"
# Only this resolution is not stable; what it resolves to is built as it is.
RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
CARGO_TARGET_DIR=$target cargo check --locked --quiet --all-features
echo "minimal versions: ok"
