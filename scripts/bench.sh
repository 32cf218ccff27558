#!/bin/sh
# Measures; prints last how many targets were met, and fails unless all were. `fs`, `wire`, `object`, `http` and
# `state` write their tables to docs/benchmarks.md: not with `--quick` or `--only`, and elsewhere with `--docs`, which
# names a directory, and for `http` a page. Everything else writes nothing to docs/.
#
#   scripts/bench.sh fs [--quick] [--references N] [--rounds N] [--only PART,PART]
#   scripts/bench.sh wire [--quick] [--rounds N]
#   scripts/bench.sh object [--quick] [--rounds N] [--only PART,PART]
#   scripts/bench.sh object --latency 25ms
#   scripts/bench.sh upkeep [REFERENCES..]
#   scripts/bench.sh history [--short]
#   scripts/bench.sh encryption [ROUNDS]
#   scripts/bench.sh http [--quick]
#   scripts/bench.sh state
#   scripts/bench.sh overhead [TURNS]
#   scripts/bench.sh micro [NAME] [--quick]
#   scripts/bench.sh all
#
# `fs` is the whole table of the file store: about half an hour, 30 GB and 5 million files at a
# time under $BENCH_DIR (default /tmp), which are removed again. `--quick` takes a minute or two. `wire` is the table of request bodies: a minute or two. `object` is the
# table of the object store: its requests to S3, Azurite and Google's interface, its time and memory
# against S3; some minutes and 4 GB; it installs Azurite where that is missing. `object --latency`
# is the round trips of its operations, and `upkeep` the requests and the time of sweeps, listings and
# deletions of scopes at 2,000, 20,000 and 200,000 references, of sweeps that share their work and of those that
# are cut: both against a bucket in the process whose time is virtual, a minute and some. `history` is what
# moving media out of histories and back takes, beside the same work by hand and in Python: a minute.
# `encryption` is a file store with and without encryption, in turn: a minute. `http` is sending media of 100 KB, 1 MB and 20 MB, verified at each
# read, once an hour and not, beside nginx, which it installs where it is missing, and tower-http's ServeDir with
# the same directory: three to four minutes. `state` is what a turn costs in SQLite, PostgreSQL
# and Redis after 10 turns, 1,000 and 10,000, and what a thousand conversations with images take: some
# minutes. `overhead` is what a turn without media takes beside a bare HTTP call: seconds. `micro` runs the micro-benchmarks of single functions. `all` runs every one of them but `micro`, one after
# another, which takes an hour and a quarter on a quiet machine.
set -eu
cd "$(dirname "$0")/.."

what=${1:-}
[ $# -gt 0 ] && shift

# Counts requests against a bucket in the process.
requests() {
    cargo build --quiet -p media-store-object --example measure_requests
    target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    exec "$target/debug/examples/measure_requests" "$@"
}

if [ "$what" = all ]; then
    missed=
    for part in fs wire object "object --latency 25ms" upkeep history encryption http state overhead; do
        echo "== $part"
        # shellcheck disable=SC2086
        ./scripts/bench.sh $part || missed="$missed, $part"
    done
    [ -z "$missed" ] || echo "missed targets:${missed#,}"
    [ -z "$missed" ]
    exit
fi

case $what:${1:-} in
object:--latency) requests object "$(echo "${2:-25ms}" | tr -cd '0-9')" ;;
upkeep:*) requests upkeep "$@" ;;
esac

case $what in
fs | wire | object)
    writes=yes
    for option in "$@"; do
        case $option in --quick | --only | --docs) writes= ;; esac
    done
    [ -z "$writes" ] || set -- --docs docs "$@"
    cargo build --quiet --release -p media-benches --bin media-bench
    target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    base=$(mktemp -d "${BENCH_DIR:-/tmp}/media-bench.XXXXXX")
    bench=
    # Ends what still runs, then removes what it made.
    clean() {
        [ -z "$bench" ] || kill "$bench" 2>/dev/null || :
        rm -rf "$base"
    }
    trap clean EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p docs
    "$target/release/media-bench" "$what" "$base/$what" "$@" &
    bench=$!
    status=0
    wait "$bench" || status=$?
    bench=
    exit "$status"
    ;;
history)
    cargo build --quiet --release -p media-history --example prove_history
    target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    if command -v python3 >/dev/null; then
        python3 scripts/prove-history/by_python.py
    else
        echo "NOT RUN: python3 is not there"
    fi
    exec "$target/release/examples/prove_history" speed "$@"
    ;;
encryption)
    exec cargo run --quiet --release -p media-encryption --example throughput -- "$@"
    ;;
http)
    if ! command -v nginx >/dev/null && [ ! -x /usr/sbin/nginx ] && [ "$(id -u)" -eq 0 ] &&
        command -v apt-get >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx-light >/dev/null 2>&1 || :
    fi
    writes=yes
    for option in "$@"; do
        case $option in --quick | --docs) writes= ;; esac
    done
    [ -z "$writes" ] || set -- --docs "$PWD/docs/benchmarks.md" "$@"
    exec cargo run --quiet --release -p media-http --example bench_http -- "$@"
    ;;
state)
    features=measure,postgres,redis
    status=0
    for bench in growth footprint; do
        cargo bench --quiet -p conversation-state --features "$features" --bench "$bench" -- \
            --docs "$PWD/docs/benchmarks.md" || status=$?
    done
    exit "$status"
    ;;
overhead)
    exec cargo run --quiet --release -p conversation-sdk --features openai --example measure_overhead -- "$@"
    ;;
micro)
    exec cargo bench -p media-benches --benches -- "$@"
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
