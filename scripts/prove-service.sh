#!/usr/bin/env bash
# Proves what the chat service promises on many nodes: three nodes as processes on one PostgreSQL and one
# bucket, then on one Redis and one directory. Users talk to random nodes; nodes are killed in running
# turns, the database is ended, now and then between a commit and its answer, the bucket is away,
# conversations are deleted and users erased while their turns run, and messages are sent again to another
# node. A judge reads database and media store without the library, and holds them to what the clients were
# told.
#
# usage: scripts/prove-service.sh [--short] [--turns N] [--seed N] [postgres | redis | weaker]...
# `--short`: a few of everything, half a minute. Without it: 200 conversations at once and 5,000 turns on
# each of the two, a quarter of an hour on two cores beside the build of optimized programs.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname -s)" != Linux ]; then
    echo "NOT RUN: the servers are started as on Debian" >&2
    exit 2
fi
case ${MEDIA_NO_SERVICES:-} in
'' | 0) ;;
*)
    echo "NOT RUN: nodes that are killed, databases that are stopped, conversations that are deleted: MEDIA_NO_SERVICES is set"
    exit 0
    ;;
esac
# Long runs are of programs as they would be deployed; short ones take what the test run has built.
case " $* " in
*" --short "*) built=() ;;
*) built=(--release) ;;
esac
service=$(./scripts/program.py bin chat-service -- -p chat-service "${built[@]}")
prove=$(./scripts/program.py example prove_service -- -p chat-service "${built[@]}")
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
# Programs of its own: nobody builds over them while they run.
programs=$(mktemp -d "$target/prove-service.XXXXXX")
trap 'rm -rf "$programs"' EXIT
cp "$service" "$prove" "$programs/"
# What a killed process has written stays, also where no disk is: only power cuts need one.
if [ -d /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -gt 1000000 ]; then
    TMPDIR=$(mktemp -d /dev/shm/prove-service.XXXXXX)
    # Servers run as users of their own.
    chmod 755 "$TMPDIR"
    export TMPDIR
    # What failed is kept to be looked at.
    trap 'code=$?; rm -rf "$programs"; [ "$code" -ne 0 ] || rm -rf "$TMPDIR"' EXIT
fi
"$programs/prove_service" "$@"
