#!/usr/bin/env bash
# Goes through README and docs/tutorial.md as a person does who copies every block: the first commands, the
# install lines, the programs, and the page at the end in a real Chromium. Prints what it took, from the first
# command on.
#
# usage: scripts/check-tutorial.sh [--target DIRECTORY] [SCREENSHOT]
# Everything happens in a new directory. What is committed here is cloned in place of the repository's address,
# and only the ports are changed, to free ones. `--target` builds into a directory that stays; without it everything
# is built anew, but for the crates of others that cargo has downloaded. The last step needs Node.js with npm, and
# Chromium: set CHROMIUM to its path if it is not called `chromium`. Without them it fails when CI is set, and
# says what is not shown otherwise.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
target=$work/target
if [ "${1:-}" = --target ]; then
    mkdir -p "$2"
    target=$(cd "$2" && pwd)
    shift 2
fi
shot=$(realpath -m "${1:-$work/page.png}")
running=()
finish() {
    local pid
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() {
    printf 'tutorial: %s\n' "$*" >&2
    exit 1
}
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_MODEL OPENAI_IMAGE_MODEL

# Blocks as files: the number of the step, then of the block. What comes before the first step is step 0.
blocks() {
    python3 - "$1" "$2" <<'PYTHON'
import pathlib, re, sys
page, folder = map(pathlib.Path, sys.argv[1:])
folder.mkdir(parents=True)
sections = re.split(r"^## \d+\. ", page.read_text(), flags=re.MULTILINE)
for step, section in enumerate(sections):
    found = re.findall(r"^```(rust|sh|toml)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    for number, (language, block) in enumerate(found):
        (folder / f"{step}-{number:02}.{language}").write_text(block)
PYTHON
}
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# Waits until something listens at a port, as long as a process lives.
listens() {
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        kill -0 "$2" 2>/dev/null || fail "$3 ended: $(tail -n 20 "$work/log")"
        sleep 0.1
    done
}

blocks "$root/README.md" "$work/readme-blocks"
blocks "$root/docs/tutorial.md" "$work/tutorial-blocks"
mock=$(free_port)
page=$(free_port)
sed -i "s/127\.0\.0\.1:4010/127.0.0.1:$mock/; s/127\.0\.0\.1:8080/127.0.0.1:$page/" "$work"/tutorial-blocks/*.rust

repository=$(sed -n 's/^repository = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
git clone --quiet --bare "$root" "$work/origin"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$work/origin.insteadOf" GIT_CONFIG_VALUE_0=$repository

export CARGO_TARGET_DIR=$target CARGO_TERM_COLOR=never
export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0} CARGO_INCREMENTAL=0
started=$SECONDS

# The first commands of README.
cd "$work"
first=$(ls "$work"/readme-blocks/*.sh | head -n 1)
grep -q '^git clone ' "$first" || fail "README does not begin with a clone"
# shellcheck source=/dev/null
(set -e; source "$first") >"$work/output" 2>"$work/errors" || fail "README: $(tail -n 20 "$work/errors")"
[ "$(find conversation-media/media -name '*.png' | wc -l)" -eq 4 ] || fail "README's first command made no images"
printf 'README: images after %d s\n' $((SECONDS - started))

# The tutorial starts the mock server in the clone, which is there already, and keeps it running.
start=$(ls "$work"/tutorial-blocks/0-*.sh)
[ "$(head -n 2 "$start")" = "$(head -n 2 "$first")" ] || fail "README and tutorial clone in different ways"
[ "$(tail -n +3 "$start")" = "cargo run --example mock_server" ] || fail "the mock server is not started"
(cd conversation-media && cargo build --quiet --example mock_server)
"$target/debug/examples/mock_server" --listen "127.0.0.1:$mock" >"$work/log" 2>&1 &
running+=($!)
listens "$mock" $! "the mock server"

# The install lines of README: those from git name the same crates and features as those from a checkout, and
# resolve. Git takes them from a clone of this checkout.
cd "$work"
cargo new --quiet install
mapfile -t manifests < <(ls "$work"/readme-blocks/*.toml)
[ ${#manifests[@]} -eq 2 ] || fail "README has ${#manifests[@]} blocks of dependencies, not 2"
python3 - "${manifests[@]}" <<'PYTHON'
import sys, tomllib
sources = [tomllib.load(open(path, "rb"))["dependencies"] for path in sys.argv[1:]]
git, checkout = [{name: spec.get("features") for name, spec in source.items()} for source in sources]
assert git == checkout, f"README: other crates or features: {git} {checkout}"
PYTHON
# A home of its own, so that cargo does not keep the clone under the address of the repository.
mkdir "$work/home"
for name in registry config.toml; do
    ln -s "${CARGO_HOME:-$HOME/.cargo}/$name" "$work/home/$name"
done
printf '[package]\nname = "install"\nedition = "2024"\n\n' >"$work/package"
cat "$work/package" "${manifests[0]}" >install/Cargo.toml
(
    cd install
    export CARGO_HOME=$work/home CARGO_NET_GIT_FETCH_WITH_CLI=true
    cargo generate-lockfile --quiet
) || fail "the git lines of README do not resolve"
rm install/Cargo.lock
cat "$work/package" "${manifests[1]}" >install/Cargo.toml
cp "$(ls "$work"/readme-blocks/*.rust | head -n 1)" install/src/main.rs
# The program asks OpenAI; here it asks the mock server, about a photo of 200 KB.
sed -i "s|, \"gpt-5.4\")|&.with_base_url(\"http://127.0.0.1:$mock/v1\")|" install/src/main.rs
head -c 200000 /dev/urandom | cat <(printf '\377\330\377\340') - >install/photo.jpg
(cd install && OPENAI_API_KEY=local cargo run --quiet >"$work/output" 2>"$work/errors") ||
    fail "the first program of README: $(tail -n 20 "$work/errors")"
[ -s "$work/output" ] || fail "the first program of README prints nothing"
cmp install/photo.jpg "$(find install/media -name '*.jpg')" || fail "the photo of README's program is not a file"
printf 'README: its program after %d s\n' $((SECONDS - started))

# The tutorial. Its commands are run as they stand; they may change the directory for those that follow.
cd "$work"
for step in 1 2 3 4 5 6; do
    : >"$work/output"
    for block in "$work/tutorial-blocks/$step"-*; do
        if [[ $block = *.rust ]]; then
            cp "$block" src/main.rs
        elif [ "$step" = 6 ] && [ "$(cat "$block")" = "cargo run" ]; then
            cargo build --quiet 2>"$work/errors" || fail "step 6: $(tail -n 20 "$work/errors")"
            cargo run --quiet >"$work/log" 2>&1 &
            running+=($!)
            listens "$page" $! "step 6"
        else
            set +e
            # shellcheck source=/dev/null
            (set -e; source "$block"; pwd >"$work/directory") >>"$work/output" 2>"$work/errors"
            status=$?
            set -e
            [ "$status" -eq 0 ] || fail "step $step: $(tail -n 20 "$work/errors")"
            cd "$(cat "$work/directory")"
        fi
    done
    output=$(cat "$work/output")
    history=$(sed -n 's/^history: \([0-9]*\) bytes$/\1/p' <<<"$output")
    case $step in
    1) [[ $output = *"no image"* ]] ;;
    2) [ "$history" -gt 130000 ] && [ "$history" -lt 140000 ] ;;
    3) [ "$history" -lt 2000 ] && cmp photo.jpg "$(tail -n 1 <<<"$output")" ;;
    4) [[ $output = *"sent again, from turn 1"* ]] && [ "$(stat -c %s chat.sqlite)" -lt 200000 ] ;;
    5) head -c 4 "$(tail -n 1 <<<"$output")" | grep -q PNG ;;
    6) ;;
    esac || fail "step $step says: $output"
    printf 'step %d: after %d s\n' "$step" $((SECONDS - started))
done

chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$chromium" ] || ! command -v npm >/dev/null; then
    echo "NOT RUN: the page, since Chromium, Node.js or npm is missing" >&2
    [ -z "${CI:-}" ] || fail "the page is not shown"
else
    mkdir "$work/browser"
    cp "$root/scripts/check-tutorial/page.mjs" "$work/browser/"
    cd "$work/browser"
    npm install --silent --no-audit --no-fund playwright-core@1.56.1
    CHROMIUM=$chromium node page.mjs "http://127.0.0.1:$page" "$shot" || fail "the page is not right"
    printf 'the image is in the browser: after %d s\n' $((SECONDS - started))
fi
printf 'tutorial: ok, %d s\n' $((SECONDS - started))
