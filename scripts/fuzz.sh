#!/usr/bin/env bash
# Fuzzes everything that is read from outside: sidecars, keys and names, references, content, packs,
# a store's directory or bucket with a hostile sidecar, record, marker, hint or format, and histories,
# both ways. Two at a time, so that it stays cheap. Needs a stable toolchain and a C++ compiler; cargo-fuzz works too
# (cargo fuzz run --sanitizer none <target>).
#
# usage: scripts/fuzz.sh [seconds for each target | --short] [target ...]
# Default: 60 seconds for each of the nine, five minutes in all; --short: 20 seconds, 100 seconds
# in all. What is learned is kept in fuzz/corpus, what fails in fuzz/artifacts. The exit code tells
# whether anything failed.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

seconds=${1:-60}
shift || true
[[ $seconds == --short ]] && seconds=20
if ! [[ $seconds =~ ^[0-9]+$ ]]; then
    sed -n '7s/^# //p' "../scripts/$(basename "$0")" >&2
    exit 2
fi
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(sidecar key reference content pack store bucket externalize restore)

host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes without a sanitizer: there is no unsafe code to sanitize.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
flags+=" -Ccodegen-units=1 --cfg fuzzing"
export CARGO_TARGET_DIR="$PWD/target"
RUSTFLAGS="$flags" cargo build --quiet --release --target "$host" "${targets[@]/#/--bin=}"

# Runs one target; what it says goes to a log, its figure to us.
fuzz() {
    local target=$1
    mkdir -p "corpus/$target" artifacts target/logs
    local log="target/logs/$target" status=ok
    "target/$host/release/$target" "corpus/$target" "seeds/$target" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
        -artifact_prefix="artifacts/$target-" -print_final_stats=1 >"$log" 2>&1 || status=FAILED
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: $status, ${runs:-no} runs"
    if [[ $status != ok ]]; then
        tail -n 40 "$log"
        return 1
    fi
}

failed=0
for ((at = 0; at < ${#targets[@]}; at += 2)); do
    jobs=()
    for target in "${targets[@]:at:2}"; do
        fuzz "$target" &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || failed=$((failed + 1))
    done
done
echo "$((${#targets[@]} - failed)) of ${#targets[@]} targets found nothing in $seconds s each"
[[ $failed -eq 0 ]]
