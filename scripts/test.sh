#!/usr/bin/env bash
# Everything that must hold: format, lints, layers, tests, documentation, and the short form of the
# proofs. Needs nothing set up. Twenty minutes on two cores from a fresh clone.
#
# usage: scripts/test.sh [--no-services]
#
# Servers and peers that are not ours (moto, Azurite, mitmproxy, aimock) are installed at pinned
# versions; with --no-services they are not, and what could not be shown is said.
#
# CONTRACT_DATA may name a directory with published schemas and example packs; tests that need it
# say loudly when it is not set.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${CONTRACT_DATA:-}" ]; then
    CONTRACT_DATA=$(cd "$CONTRACT_DATA" && pwd)
    export CONTRACT_DATA
else
    echo "NOTE: CONTRACT_DATA is not set; checks against published schemas and packs will not run"
fi
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# A fresh clone is built once: what makes later builds faster, or debuggers happy, would make this one
# slower.
if [ ! -d "${CARGO_TARGET_DIR:-target}" ]; then
    export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
    export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}
fi

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# What is built here, for the scripts that run it: none of them builds it again.
export MEDIA_PROGRAMS=$logs/programs

# Runs a step. One that fails is kept for the end and does not stop those that follow, so that one run
# tells everything.
step() {
    local name=$1 start=$SECONDS
    shift
    local log="$logs/${name// /-}"
    printf '\n== %s\n' "$name"
    if ! "$@" 2>&1 | tee "$log"; then
        printf '%s\n' "$name" >>"$logs/failed"
        printf -- '-- %s: FAILED after %d s\n' "$name" $((SECONDS - start))
        return 0
    fi
    printf -- '-- %s: %d s\n' "$name" $((SECONDS - start))
}

# Says what failed and why, as the last lines: a long log is often cut in front.
summary() {
    [ -s "$logs/failed" ] || return 0
    local name log
    while read -r name; do
        log="$logs/${name// /-}"
        printf '\n== FAILED: %s\n' "$name"
        grep -E -A 12 -e '^---- |panicked at|^test result: FAILED|^error(\[|:)' "$log" | head -n 120 || true
        printf '\n(the end of it)\n'
        tail -n 25 "$log"
    done <"$logs/failed"
    printf '\nfailed: %s\n' "$(paste -sd, "$logs/failed")"
    return 1
}

services=()
case ${1:-} in
'') ;;
--no-services)
    services=(--no-services)
    export MEDIA_NO_SERVICES=1
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

# The tests have built them. Each runs against a local server where no cloud is set up.
clouds() {
    local cloud
    for cloud in s3 gcs azure; do
        if [ "$cloud" = azure ] && [ ${#services[@]} -gt 0 ]; then
            echo "NOT RUN: the example of Azure needs Azurite"
            continue
        fi
        "${CARGO_TARGET_DIR:-target}/debug/examples/$cloud" >/dev/null || return 1
        echo "$cloud: ok"
    done
}

build() {
    cargo test --locked --all-features --quiet --no-run --message-format=json-render-diagnostics >"$MEDIA_PROGRAMS"
}

# What is there before anything is built.
sources() {
    step "tools" ./scripts/install-tools.sh
    step "servers" ./scripts/install-servers.sh "${services[@]}"
    step "format" cargo fmt --all --check
    step "layers" ./scripts/check-layers.sh
    step "modules" ./scripts/check-modules.py
    step "words" ./scripts/check-words.py
    step "spelling" ./scripts/check-spelling.sh
    step "pages" ./scripts/check-pages.py
    step "workflows" ./scripts/check-workflows.sh
    step "monitoring" ./scripts/check-monitoring.py
    step "deployment" ./scripts/check-deploy.py
    step "errors" ./scripts/check-errors.py
    step "mutants" ./scripts/check-mutants.sh
    step "crates" ./scripts/check-crates.py
}

programs() {
    step "build" build
}

# Runs functions at once, since many of their steps wait more than they compute. What all but the first
# print follows when they have ended, in order.
together() {
    local first=$1 lane
    shift
    for lane in "$@"; do
        "$lane" >"$logs/lane-$lane" 2>&1 &
    done
    "$first"
    wait
    for lane in "$@"; do cat "$logs/lane-$lane"; done
}

# The tests, which take longest.
tests() {
    step "tests" cargo test --locked --all-features --quiet --no-fail-fast
}

# What computes.
lints_and_models() {
    if [ "$linux" ]; then step "protocol" ./scripts/prove-protocol.sh --short; fi
    step "lints" cargo clippy --locked --all-targets --all-features --quiet -- -D warnings
    # With an example the dependencies have the features that they have for the lints, and are not read again.
    step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --all-features --no-deps --quiet \
        --lib --bins --example s3
    [ "$linux" ] || return 0
    step "turns" ./scripts/prove-turns.sh --short
    step "crashes" ./scripts/prove-crash.sh --short
}

# What waits for servers and disks.
services_and_disks() {
    step "first command" ./scripts/check-first-command.sh
    step "cloud examples" clouds
    step "addresses" ./scripts/prove-ssrf.sh
    step "cli" ./scripts/prove-cli.sh --short "${services[@]}"
    step "wire" ./scripts/prove-wire.sh --short "${services[@]}"
    step "providers" ./scripts/prove-providers.sh --short "${services[@]}"
    [ "$linux" ] || return 0
    step "service" ./scripts/prove-service.sh --short
    step "soak" ./scripts/prove-soak.sh --short
    step "faults" ./scripts/prove-faults.sh --short
    step "memory" ./scripts/prove-memory.sh --short
    step "http" ./scripts/prove-http.sh --short
    step "deletes" ./scripts/prove-deletes.sh --short
    step "histories" ./scripts/prove-history.sh --short
    step "planner" ./scripts/prove-planner.sh --short
}

linux=
if [ "$(uname -s)" = Linux ]; then
    linux=yes
else
    echo "NOTE: crashes, soak, faults, memory, the protocol are proven on Linux only"
fi

together programs sources
if ! grep -qx -e build -e tools -e servers "$logs/failed" 2>/dev/null; then
    together tests lints_and_models services_and_disks
fi
summary
printf '\nall passed in %d s\n' "$SECONDS"
