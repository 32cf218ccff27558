#!/usr/bin/env bash
# The published conformance suite of media stores against every server, in full: servers of S3 (two
# implementations), Azure and Google. The test run has the slow servers repeat less; this has not.
#
# usage: scripts/prove-conformance.sh
# About seven minutes. The figures are printed last.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    sed -n '5,6s/^# //p' "$0" >&2
    exit 2
fi
./scripts/install-tools.sh
./scripts/install-servers.sh
# Nothing is left out, whatever the environment says.
unset MEDIA_NO_SERVICES
export MEDIA_CONFORMANCE_WHOLE=1
# The slow servers answer one request at a time: they are asked at once, not in turn.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8}
exec cargo test --locked --all-features -p media-store-object --test conformance -- --quiet
