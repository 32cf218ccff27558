#!/usr/bin/env bash
# Compares the public interfaces of all crates with those of the last release, by cargo-semver-checks: what breaks
# needs a version that says so.
#
# usage: scripts/check-semver.sh [TAG]
# Without a tag: the last one of this history that is called v0.2.0 or the like.
set -euo pipefail
cd "$(dirname "$0")/.."
TOOL=0.51.0

tag=${1:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)}
if [ -z "$tag" ]; then
    echo "NOT RUN: there is no tag of a release to compare with" >&2
    exit 0
fi
tools=$PWD/target/tools
if [ "$("$tools/bin/cargo-semver-checks" semver-checks --version 2>/dev/null)" != "cargo-semver-checks $TOOL" ]; then
    cargo install --quiet --locked --root "$tools" --version "$TOOL" cargo-semver-checks
fi
"$tools/bin/cargo-semver-checks" semver-checks --workspace --baseline-rev "$tag"
