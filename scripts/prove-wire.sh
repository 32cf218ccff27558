#!/usr/bin/env bash
# Media of 178 bytes to 20 MB goes out in every form of request, through a proxy that records each
# byte (mitmproxy), to a peer that speaks chat completions (aimock) and to one that hashes what it
# reads; a judge holds the recording against what is stored.
#
#   scripts/prove-wire.sh [--short] [--no-services]
#
# The proxy and the peer are installed at pinned versions under $MEDIA_TOOLS_DIR (default
# ~/.cache/conversation-media): needs python3 with venv, npm and their registries, once. `--short`
# is the same, since the whole takes less than a minute; `--no-services` runs nothing and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

for option in "$@"; do
    case $option in
    --short) ;;
    --no-services)
        echo "NOT RUN: requests through mitmproxy to aimock and to the recording peer (--no-services)"
        exit 0
        ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done

tools=${MEDIA_TOOLS_DIR:-$HOME/.cache/conversation-media}
proxy=$tools/mitmproxy-11.0.2
aimock=$tools/aimock-1.43.0
mkdir -p "$tools"
if [ ! -e "$proxy/installed" ]; then
    python3 -m venv "$proxy"
    "$proxy/bin/pip" install --quiet --disable-pip-version-check mitmproxy==11.0.2
    touch "$proxy/installed"
fi
if [ ! -e "$aimock/installed" ]; then
    npm install --silent --no-audit --no-fund --prefix "$aimock" @copilotkit/aimock@1.43.0
    touch "$aimock/installed"
fi

prove=$(./scripts/program.py example prove_wire -- -p conversation-providers --features openai)

work=$(mktemp -d)
pids=()
clean() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Four ports that are free now.
read -r chat_port recorder_port chat_proxy recorder_proxy <<<"$(python3 - <<'PORTS'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in held))
PORTS
)"

# Waits until something listens on a port.
wait_for() {
    for _ in $(seq 300); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    echo "nothing listens on port $1" >&2
    cat "$work"/*.log >&2
    return 1
}

cat >"$work/fixtures.json" <<'FIXTURES'
{"fixtures": [{"match": {"userMessage": "wire"}, "response": {"content": "seen"}}]}
FIXTURES
"$aimock/node_modules/.bin/llmock" -p "$chat_port" -f "$work/fixtures.json" --strict \
    --validate-on-load >"$work/aimock.log" 2>&1 &
pids+=($!)
record() {
    "$proxy/bin/mitmdump" --quiet --set confdir="$work/mitmproxy" --mode "reverse:http://127.0.0.1:$1" \
        --listen-host 127.0.0.1 -p "$2" -w "$3" >"$3.log" 2>&1 &
    pids+=($!)
}
record "$chat_port" "$chat_proxy" "$work/chat.flows"
record "$recorder_port" "$recorder_proxy" "$work/recorder.flows"
wait_for "$chat_port"
wait_for "$chat_proxy"
wait_for "$recorder_proxy"

"$prove" "$work/store" "http://127.0.0.1:$chat_proxy/v1" \
    "$recorder_port" "http://127.0.0.1:$recorder_proxy" "$work/manifest"
# The proxies write what they hold when they end.
for pid in "${pids[@]:1}"; do
    kill "$pid"
    wait "$pid" || :
done
judge() {
    "$proxy/bin/python" scripts/prove-wire/judge.py "$1" "$work/chat.flows" "$work/recorder.flows"
}
# A judge that lets everything pass proves nothing.
sed '2s/"media":"[0-9a-f]\{8\}/"media":"00000000/' "$work/manifest" >"$work/false"
if judge "$work/false" >"$work/judged" || ! grep -q '^WRONG' "$work/judged"; then
    echo "the judge does not see a wrong hash" >&2
    exit 1
fi
judge "$work/manifest"
