#!/usr/bin/env bash
# Runs the agent loops of docs/own-agent-loop.md: async-openai, genai, rig and plain JSON in Rust, the
# libraries of OpenAI in Python and TypeScript. Each asks twice about a photo, and a model on the same
# machine answers only requests that have the whole photo; the history that is left must not have it.
#
# usage: scripts/check-agent-loops.sh [--locked-only]
# Needs Rust 1.95, python3, and the registries of crates, Python and npm packages; what is missing is named as
# NOT RUN. `--locked-only` takes no packages from the network but crates.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

registries=1
case ${1:-} in
'') ;;
--locked-only) registries=0 ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/agent-loops.XXXXXX")
peer=
finish() {
    [ -z "$peer" ] || kill "$peer" 2>/dev/null || true
    [ -z "$peer" ] || wait "$peer" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() {
    printf 'agent loops: %s\n' "$*" >&2
    exit 1
}

python3 - "$work/photo.png" <<'PHOTO'
import random, sys
random.seed(7)
with open(sys.argv[1], "wb") as file:
    file.write(bytes.fromhex("89504e470d0a1a0a") + random.randbytes(300_000))
PHOTO
python3 scripts/check-agent-loops/peer.py "$work/photo.png" >"$work/address" &
peer=$!
for _ in $(seq 100); do
    [ ! -s "$work/address" ] || break
    kill -0 "$peer" 2>/dev/null || fail "the model did not start"
    sleep 0.1
done
OPENAI_BASE_URL=$(cat "$work/address")
export OPENAI_BASE_URL OPENAI_API_KEY=none MEDIA_HISTORY_KEY="the key of these agent loops"

# loop NAME COMMAND...: runs a loop in a directory of its own, and looks at what it leaves.
loop() {
    local name=$1
    shift
    mkdir -p "$work/$name"
    (cd "$work/$name" && "$@" "$work/photo.png" >out 2>err) ||
        fail "$name: $(cat "$work/$name/out" "$work/$name/err")"
    python3 - "$work/$name" "$work/photo.png" <<'LEFT' || fail "$name: what is left is wrong"
import base64, pathlib, sys
left, photo = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes()
history = (left / "history.json").read_bytes()
assert base64.b64encode(photo) not in history, "the photo is in the history"
assert history.count(b"media-ref:v1:file:") == 1, history[:1000]
assert len(history) < 2000, len(history)
said = (left / "out").read_text().splitlines()
assert said == ["a photo, seen in 1 messages", "a photo, seen in 3 messages"], said
stored = [file for file in left.joinpath("media").rglob("*") if file.is_file() and file.read_bytes() == photo]
assert len(stored) == 1, f"the photo is stored {len(stored)} times"
LEFT
    echo "$name: two answers, and a history without the photo"
}

cd examples/agent-loops
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/agent-loops
cargo build --locked --quiet
for name in async-openai genai rig plain-json; do
    loop "$name" "$CARGO_TARGET_DIR/debug/$name"
done
cd "$root"
unset CARGO_TARGET_DIR

media=$(./scripts/program.py bin media -- -p media-cli)
mkdir "$work/bin"
ln -s "$(realpath "$media")" "$work/bin/media"
PATH=$work/bin:$PATH
# The command creates a store only when it is asked to; the loops use one that is there.
store_for() {
    mkdir -p "$work/$1"
    printf '{}' | (cd "$work/$1" && media history slim --quiet --create --user user123 --session session-1 \
        --conversation chat-1 media - >/dev/null)
}

left_out=0
if [ "$registries" -eq 0 ]; then
    echo "NOT RUN: Python and TypeScript (--locked-only)"
    left_out=1
else
    if python3 -m venv "$work/venv" 2>"$work/why" && "$work/venv/bin/pip" install --quiet \
        --disable-pip-version-check -r examples/agent-loops/python/requirements.txt 2>>"$work/why"; then
        store_for python
        loop python "$work/venv/bin/python" "$root/examples/agent-loops/python/loop.py"
    else
        echo "NOT RUN: Python: its packages could not be installed: $(tail -n 1 "$work/why")"
        left_out=1
    fi
    cp -r examples/agent-loops/typescript "$work/ts"
    if command -v npm >/dev/null &&
        (cd "$work/ts" && npm install --silent --no-audit --no-fund) 2>"$work/why"; then
        (cd "$work/ts" && npx --no-install tsc) || fail "loop.ts has errors"
        store_for typescript
        loop typescript "$work/ts/node_modules/.bin/tsx" "$work/ts/loop.ts"
    else
        echo "NOT RUN: TypeScript: its packages could not be installed: $(tail -n 1 "$work/why" 2>/dev/null)"
        left_out=1
    fi
fi
[ "$left_out" -eq 0 ] || {
    echo "agent loops: not all of them ran" >&2
    # Where they were wanted, that is a failure.
    exit $((registries * 2))
}
echo "agent loops: ok"
