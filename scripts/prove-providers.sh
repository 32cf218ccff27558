#!/usr/bin/env bash
# What providers promise, for each API: every kind of media from 178 bytes to 20 MB goes out byte for byte,
# wherever it stands; types of audio are spelled as each API takes them; requests are those that the official
# clients were recorded to send, and valid by the schema that OpenAI publishes; their streams are read whole,
# and what was opaque goes back unchanged, in order; a stream cut after every byte is a typed error, keeps
# what came, and the request that follows keeps the rules of its API; stored by its turn and sent back, it is
# accepted by a server that enforces these rules; every documented error is provoked and typed, and so is bad
# input.
# And the official clients of Python and JavaScript read the answers with which all that is shown, and keep
# files at our servers; at a server that is not ours (llmock), turns end with an answer where images are
# refused, and lose no image where an error only looks like a refusal.
#
#   scripts/prove-providers.sh [--short] [--no-services]
#
# Clients and llmock are installed at pinned versions under $MEDIA_TOOLS_DIR (default
# ~/.cache/conversation-media): needs python3 with venv, npm and their registries, once. `--short` runs
# clients and llmock only: the rest is part of the tests. `--no-services` runs neither and says so. The schema is
# $CONTRACT_DATA/openai/openapi.json; without it, that part is not run and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

short= clients=1
for option in "$@"; do
    case $option in
    --short) short=1 ;;
    --no-services) clients= ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done

if [ -n "$clients" ]; then
    tools=${MEDIA_TOOLS_DIR:-$HOME/.cache/conversation-media}
    # Other pins are another folder: what is proved is what is installed.
    pins=(openai==3.57.0 anthropic==2.14.0 google-genai==3.6.1)
    venv=$tools/clients-$(printf '%s\n' "${pins[@]}" | cksum | cut -d' ' -f1)
    if [ ! -e "$venv/installed" ]; then
        mkdir -p "$(dirname "$venv")"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check "${pins[@]}"
        touch "$venv/installed"
    fi
    "$venv/bin/python" scripts/prove-providers/judge.py crates/conversation-providers/tests/golden
    server=$(./scripts/program.py bin test-server -- -p test-servers)
    "$venv/bin/python" scripts/prove-providers/files.py "$server"

    pins=(openai@7.59.0 @anthropic-ai/sdk@1.14.0 @google/genai@3.3.0)
    packages=$tools/clients-javascript-$(printf '%s\n' "${pins[@]}" | cksum | cut -d' ' -f1)
    if [ ! -e "$packages/installed" ]; then
        mkdir -p "$packages"
        npm install --silent --no-audit --no-fund --prefix "$packages" "${pins[@]}"
        touch "$packages/installed"
    fi
    node scripts/prove-providers/clients.mjs "$packages" crates/conversation-providers/tests/golden "$server"

    pins=(llmock==0.2.2 fastapi==0.165.0 starlette==1.10.0 uvicorn==0.54.0 pydantic==2.14.4)
    llmock=$tools/llmock-$(printf '%s\n' "${pins[@]}" | cksum | cut -d' ' -f1)
    if [ ! -e "$llmock/installed" ]; then
        python3 -m venv "$llmock"
        "$llmock/bin/pip" install --quiet --disable-pip-version-check "${pins[@]}"
        touch "$llmock/installed"
    fi
    turns=$(./scripts/program.py example prove_refusals -- -p conversation-sdk \
        --features openai,anthropic,gemini,sqlite)
    python3 scripts/prove-providers/refusals.py "$llmock/bin/llmock" "$turns"
else
    echo "NOT RUN: official clients read our answers; turns at llmock (--no-services)"
fi
[ -z "$short" ] || exit 0

if [ -n "${CONTRACT_DATA:-}" ]; then
    CONTRACT_DATA=$(cd "$CONTRACT_DATA" && pwd)
    export CONTRACT_DATA
    schema="requests valid by the published schema:conform"
else
    schema=
    echo "NOT RUN: requests are valid by the published schema (CONTRACT_DATA is not set)" >&2
fi

# name: filter of the tests that show it
shows=(
    "media byte for byte, 178 B to 20 MB:carr"
    "types of audio:types_of_audio"
    "requests of the official clients:official_client"
    "recorded bodies:golden"
    "recordings compared, or with a reason:recording"
    ${schema:+"$schema"}
    "opaque items back, unchanged, in order:in_order"
    "streams cut after every byte:cut_stream"
    "errors typed:errors_are_typed"
    "good images beside bad ones:among_many_good"
    "bad input typed:bad_input"
    "signatures of another conversation:another_conversation"
    "images kept once:kept_once"
)
# Tests cut after every seventh byte unless told otherwise.
export MEDIA_EVERY_CUT=1
tests=$(./scripts/program.py test conversation-providers/it -- -p conversation-providers --all-features)
total=0
for show in "${shows[@]}"; do
    ran=$(cd crates/conversation-providers && "$tests" --quiet --show-output "${show#*:}" 2>&1) || {
        printf '%s\n' "$ran" >&2
        exit 1
    }
    passed=$(printf '%s\n' "$ran" | sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p')
    [ "${passed:-0}" -gt 0 ] || {
        echo "no test shows: ${show%:*}" >&2
        exit 1
    }
    # Tables and counts of the tests themselves.
    printf '%s\n' "$ran" | grep '^| ' || :
    echo "${show%:*}: $passed of $passed tests"
    total=$((total + passed))
done
echo "providers: $total of $total tests"

# As a turn stores them: at a server that refuses what breaks the rules of its API.
tests=$(./scripts/program.py test conversation-sdk/it -- -p conversation-sdk --all-features)
(cd crates/conversation-sdk && "$tests" --quiet --nocapture interrupted_answers) |
    grep -E ' of .* accepted' || {
    echo "no interrupted answers were accepted" >&2
    exit 1
}
