#!/usr/bin/env bash
# Everything that must hold: format, lints, layers, tests, documentation, and the short form of the
# proofs. Needs nothing set up. About a quarter of an hour on two cores from a fresh clone.
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

step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@"
    printf -- '-- %s: %d s\n' "$name" $((SECONDS - start))
}

step "tools" ./scripts/install-tools.sh
step "format" cargo fmt --all --check
step "layers" ./scripts/check-layers.sh
step "lints" cargo clippy --locked --all-targets --all-features --quiet -- -D warnings
step "tests" cargo test --locked --all-features --quiet
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --all-features --no-deps --quiet
step "first command" ./scripts/check-first-command.sh
if [ "$(uname -s)" = Linux ]; then
    step "crashes" ./scripts/prove-crash.sh --short
    step "soak" ./scripts/prove-soak.sh --short
    step "faults" ./scripts/prove-faults.sh --short
    step "fuzzing" ./scripts/fuzz.sh 60
else
    echo "NOTE: crashes, soak, faults and fuzzing are proven on Linux only"
fi
printf '\nall passed in %d s\n' "$SECONDS"
