#!/usr/bin/env bash
# The command `media` on a directory and on S3, Azure and GCS servers: every command, copies there and
# back that are equal, a copy that is killed and goes on, deletions that leave nothing, histories that
# are rewritten beside a program that appends and killed in between. The examples of docs/cli.md are
# run too.
#
#   scripts/prove-cli.sh [--short] [--no-services]
#
# The long form copies 10,000 media; the short form 60, and leaves GCS and Azure to the tests of
# media-cli. Azure needs Azurite and conversations PostgreSQL and Redis, which scripts/install-servers.sh
# installs; --no-services leaves them out and says so. Recorded histories of other programs are imported from
# $CONTRACT_DATA/histories; without it, that part is not run and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

count=10000 kills=40 bursts=20 clouds=1 services=1
for option in "$@"; do
    case $option in
    --short) count=60 kills=6 bursts=1 clouds=0 ;;
    --no-services) services=0 ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done

recorded=
if [ -n "${CONTRACT_DATA:-}" ]; then
    recorded=$(cd "$CONTRACT_DATA/histories" && pwd)
fi

selection=(-p media-cli -p test-servers --features media-cli/postgres,media-cli/redis)
built=$(./scripts/program.py bin media test-server -- "${selection[@]}")
{ read -r media && read -r test_server; } <<<"$built"
root=$PWD

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
# Servers are installed once, not in the home of the proof.
export MEDIA_TOOLS_DIR=${MEDIA_TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/conversation-media/servers}
export HOME=$work/home MEDIA_HISTORY_KEY=0123456789abcdef0123456789abcdef
mkdir -p "$HOME"
cd "$work"

fail() {
    printf 'prove-cli: FAILED: %s\n' "$*" >&2
    exit 1
}
# ends CODE COMMAND...: the command ends with this code.
ends() {
    local wanted=$1 code=0
    shift
    "$@" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" -eq "$wanted" ] || {
        cat "$work/out" "$work/err" >&2
        fail "ended with $code, not $wanted: $*"
    }
}
# Every document that --json writes can be read.
parses() {
    ends 0 "$@" --json
    reads "$work/out" "$@"
}
# reads FILE: it is JSON, one document or several.
reads() {
    python3 -c '
import json, sys
text, decoder, at, n = open(sys.argv[1]).read(), json.JSONDecoder(), 0, 0
while text[at:].strip():
    while text[at].isspace(): at += 1
    _, at = decoder.raw_decode(text, at); n += 1
assert n, "nothing"
' "$1" || fail "no JSON: $*"
}
# What a store holds, without what depends on its kind.
contents() {
    "$media" ls "$1" --json | sed 's/"backend":"[a-z0-9]*",//' | sort
}

# Media: `count` items of 24 users, a third of them equal to others.
python3 - "$count" <<'MEDIA'
import os, struct, sys, zlib
def png(side, seed):
    rows = b"".join(b"\0" + bytes((x * 7 + y * seed + seed) & 255 for x in range(side * 3)) for y in range(side))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
count = int(sys.argv[1])
for user in range(24):
    os.makedirs(f"files/user{user}", exist_ok=True)
for n in range(count):
    with open(f"files/user{n % 24}/{n}.png", "wb") as file:
        file.write(png(24 + n % 40, n % (2 * count // 3 + 1)))
MEDIA
for user in $(seq 0 23); do
    "$media" put disk files/user"$user"/* --create --quiet --user "user$user" --session "s$((user / 4))" \
        --conversation "c$user" >/dev/null
done
listed=$("$media" ls disk --ids | wc -l)
[ "$listed" -eq "$count" ] || fail "$listed of $count are listed"
echo "put: $count media of 24 users"

# Prints the first line of a file that a server writes, when it is there.
first_line() {
    # Azurite may have to be installed first.
    for _ in $(seq 1800); do
        if [ -s "$1" ]; then
            head -n 1 "$1"
            return
        fi
        sleep 0.1
    done
    fail "a server did not start"
}

# All commands on one store, whatever its kind.
every_command() {
    local store=$1 kind=$2 id
    id=$("$media" ls "$store" --ids --limit 1)
    for command in info ls du dedup-index verify; do
        parses "$media" "$command" "$store"
    done
    for by in user session conversation type day; do
        parses "$media" du "$store" --by "$by"
    done
    parses "$media" stat "$store" "$id"
    ends 0 "$media" cat "$store" "$id"
    cp out got.cat
    rm -f got && parses "$media" get "$store" "$id" -O got
    cmp got got.cat || fail "get and cat differ"
    case $kind in
    directory) ends 1 "$media" url "$store" "$id" ;;
    *) parses "$media" url "$store" "$id" ;;
    esac
    ends 0 "$media" verify "$store" --read-data 10%
    parses "$media" sweep "$store" --dry-run
    parses "$media" sweep "$store" --full
    parses "$media" rm "$store" "$id"
    parses "$media" forget "$store" --user user3
    rm -f user3.tar && parses "$media" export "$store" --user user3 -O user3.tar
    "$media" export "$store" --user user3 -O - --json --quiet >again.tar 2>err || fail "export to a pipe"
    reads err
    # To the end: a grep that leaves early would end tar, and so the pipe, with an error.
    tar -tf user3.tar | grep -x manifest.json >/dev/null || fail "no manifest in the export"
    parses "$media" report "$store" -O "report-$kind.html" --images 12
    if grep -Eq '(src|href)="(https?:)?//' "report-$kind.html"; then fail "the report asks others"; fi
    ends 0 "$media" metrics "$store"
    parses "$media" metrics "$store"
    parses "$media" metrics "$store" --textfile m.prom
    listening "$store"
    [ "$kind" != directory ] || parses "$media" dedup-index "$store" --write
    printf '{"url":"data:image/png;base64,%s"}\n' "$(base64 -w0 files/user0/0.png)" >h.jsonl
    "$media" history slim "$store" - --threshold 0 --quiet --json --user user0 --session s0 \
        --conversation c0 <h.jsonl >slim.jsonl 2>err
    reads err
    grep -q 'media-ref:v1:' slim.jsonl || fail "nothing was taken out"
    parses "$media" history check "$store" slim.jsonl --user user0
    "$media" history fatten "$store" - --quiet --json --user user0 <slim.jsonl 2>err | cmp - h.jsonl ||
        fail "the history is another one"
    reads err
    rm -rf named && mkdir named && cp slim.jsonl named/
    parses "$media" orphans "$store" --histories named --user user0
    rm -f receipt.json
    ends 0 "$media" forget "$store" --user user3 --receipt receipt.json --yes
    grep -q '"complete": true' receipt.json || fail "the receipt is not complete"
    [ -z "$("$media" ls "$store" --ids --user user3)" ] || fail "media of user3 is left"
    changing_commands "$store" "$kind"
    promptkit "$store"
    histories "$store"
    echo "$kind: every command"
}

# Metrics from a server, until it is asked to end.
listening() {
    local pid url code=0
    "$media" metrics "$1" --listen 127.0.0.1:0 2>listening &
    pid=$!
    pids+=("$pid")
    url=$(first_line listening)
    # The first numbers are being counted.
    for _ in $(seq 300); do
        curl -sf "${url#serving }" >scraped && break
        sleep 0.1
    done
    grep -q '^media_references{' scraped || fail "no metrics are served: $(cat listening)"
    kill "$pid"
    wait "$pid" || code=$?
    unset 'pids[-1]'
    [ "$code" -eq 143 ] || fail "a server ended with $code"
    grep -qx 'the command was ended by SIGTERM' listening || fail "the end is not told: $(cat listening)"
}

# What stores files, deletes single media, repairs, and rewrites files in place.
changing_commands() {
    local store=$1 kind=$2 id owner=(--user other --session so --conversation co)
    parses "$media" put "$store" files/user1/1.png --user new --session sn --conversation cn
    id=$("$media" ls "$store" --ids --user new)
    "$media" cat "$store" "$id" | cmp - files/user1/1.png || fail "what was put is another file"
    parses "$media" rm "$store" "$id" --yes
    id=$("$media" ls "$store" --ids --user user5 --limit 1)
    parses "$media" rm "$store" "$id" --yes
    ends 1 "$media" stat "$store" "$id"
    # A bucket repairs nothing when it is verified, and has no quarantine.
    for option in --repair --quarantine; do
        case $kind in
        directory) parses "$media" verify "$store" --structure-only "$option" ;;
        *) ends 1 "$media" verify "$store" --structure-only "$option" ;;
        esac
    done
    parses "$media" sweep "$store" --older-than 3650d --yes
    parses "$media" sweep "$store" --capacity 1TiB --yes
    printf '{"url":"data:image/png;base64,%s"}\n' "$(base64 -w0 files/user7/7.png)" >whole.jsonl
    cp whole.jsonl place.jsonl
    parses "$media" history slim "$store" place.jsonl --threshold 0 --hot "${owner[@]}"
    grep -q 'media-ref:v1:' place.jsonl || fail "nothing was taken out in place"
    # A run that was killed lists what it stored; what the file names stays.
    python3 -c '
import json, sys
for value in json.load(sys.stdin)["report"]["values"]:
    print(json.dumps({"stored": value["reference"]}))' <out >.place.jsonl.media-journal
    [ -s .place.jsonl.media-journal ] || fail "nothing is listed"
    parses "$media" history abandon "$store" place.jsonl --user other
    [ ! -e .place.jsonl.media-journal ] || fail "a journal is left"
    ends 0 "$media" history check "$store" place.jsonl --user other --read-data
    ends 0 "$media" history fatten "$store" place.jsonl --hot --user other
    cmp place.jsonl whole.jsonl || fail "the file that was rewritten in place is another one"
    # No history names it any more.
    for _ in 1 2; do
        parses "$media" orphans "$store" --histories named --user other --marks marks --grace 0s --yes
    done
    [ -z "$("$media" ls "$store" --ids --user other)" ] || fail "an orphan is left"
    rm -f marks marks.lock
}

# A directory in PromptKit's form: every reference leads to the bytes of its own file.
promptkit() {
    local store=$1
    rm -rf kit kit.db kit.tar
    python3 "$root/scripts/prove-cli/promptkit.py" make kit 7
    parses "$media" import promptkit "$store" kit --state kit.db --create
    python3 "$root/scripts/prove-cli/promptkit.py" check out || fail "media of PromptKit is missing"
    [ "$("$media" ls "$store" --ids --user kit | wc -l)" -eq 12 ] || fail "not all media of PromptKit is stored"
    parses "$media" export "$store" --user kit --state kit.db -O kit.tar
    tar -xOf kit.tar manifest.json | python3 -c '
import json, sys
said = json.load(sys.stdin)
assert said["media"] == 12 and said["missing"] == 0 and said["conversations"] == 4, said' ||
        fail "the export of what came from PromptKit is not whole"
    python3 "$root/scripts/prove-cli/promptkit.py" same kit.tar 7 ||
        fail "a conversation of PromptKit has media of another"
    forget_conversations "$store" kit 4
}

# forget_conversations STORE USER COUNT: the conversations of a user go, and their media.
forget_conversations() {
    local store=$1 user=$2
    rm -f "$user.json"
    parses "$media" forget "$store" --user "$user" --state "$user.db" --receipt "$user.json" --yes
    python3 -c '
import json, sys
said = json.load(open(sys.argv[1]))
assert said["complete"] and said["conversations"]["conversations"] == int(sys.argv[2]), said' \
        "$user.json" "$3" || fail "the receipt is not complete: $user"
    [ -z "$("$media" ls "$store" --ids --user "$user")" ] || fail "media of $user is left"
}

# imported STORE PROGRAM FILE: a history of another program, once however often it is imported.
imported() {
    local owner=(--state chats.db --create --user chats)
    parses "$media" import "$2" "$1" "$3" "${owner[@]}"
    ends 0 "$media" import "$2" "$1" "$3" "${owner[@]}"
    grep -q ' 0 added' out || fail "a history of $2 was imported twice"
}

# Histories of other programs: one of Agno made here, the others as they recorded them.
histories() {
    local store=$1 image
    image=$(base64 -w0 files/user1/1.png)
    rm -f chats.db*
    printf '[{"session_id":"s","runs":[{"messages":[{"role":"user","content":"look","images":[{"content":"%s",
        "mime_type":"image/png"}]},{"role":"assistant","content":"a square"}]}]}]' "$image" >agno.json
    imported "$store" agno agno.json
    if [ -z "$recorded" ]; then
        forget_conversations "$store" chats 1
        return
    fi
    imported "$store" openai "$recorded/openai_chat_turn2.body"
    imported "$store" anthropic "$recorded/anthropic_turn2_thinking_and_tool_images.body"
    imported "$store" gemini "$recorded/gemini_turn1.body"
    imported "$store" langchain "$recorded/langchain.json"
    ends 0 "$media" verify "$store"
    forget_conversations "$store" chats 5
}

# there URL KIND: copied there while it is killed again and again, and back.
there_and_back() {
    local url=$1 kind=$2 round killed=0
    for round in $(seq "$kills"); do
        "$media" copy disk "$url" --create --quiet >/dev/null 2>&1 &
        local pid=$!
        sleep "0.$((round % 5 + 1))"
        kill -9 "$pid" 2>/dev/null && killed=$((killed + 1))
        wait "$pid" 2>/dev/null || :
    done
    ends 0 "$media" copy disk "$url" --create
    rm -rf "back-$kind"
    ends 0 "$media" copy "$url" "back-$kind" --create
    contents disk >a && contents "$url" >b && contents "back-$kind" >c
    cmp a b || fail "$kind: there is not what was here"
    cmp a c || fail "$kind: back is not what was here"
    ends 0 "$media" verify "back-$kind"
    echo "$kind: $count media there and back are equal; killed $killed times on the way"
}

there_and_back copied directory
every_command copied directory

# A terminal, as a person sees it: progress while work goes on and nothing left of it, a bold head, no line
# that is cut, colors off on request.
if command -v tmux >/dev/null; then
    export TMUX_TMPDIR=$work
    terminal() { tmux -L prove -f /dev/null "$@"; }
    # look NAME COMMAND: runs a command in a terminal of 100 columns; what it shows is in NAME, what was
    # written to the terminal meanwhile in NAME.log.
    look() {
        terminal new-session -d -s "$1" -x 100 -y 40 \
            "tmux -L prove wait-for go-$1; $2; tmux -L prove wait-for -S done-$1; tmux -L prove wait-for end-$1"
        terminal pipe-pane -t "$1" "cat >$work/$1.log"
        terminal wait-for -S "go-$1"
        terminal wait-for "done-$1"
        terminal capture-pane -p -e -t "$1" >"$1"
        terminal wait-for -S "end-$1"
    }
    # The server stays between sessions.
    terminal new-session -d -s base cat
    rm -rf seen
    look copying "'$media' copy disk seen --create"
    look users "'$media' du seen --by user"
    look plain "NO_COLOR=1 '$media' du seen --by user"
    terminal kill-server 2>/dev/null || :
    grep -q 'copying: ' copying.log || fail "no progress on a terminal"
    if grep -q '0/0' copying.log; then fail "a bar of nothing on a terminal"; fi
    if grep -q 'copying: ' copying; then fail "progress is left on the terminal"; fi
    grep -q "$(printf '\033')\[1m" users || fail "the head of a table is not bold"
    if grep -q "$(printf '\033')\[" plain; then fail "colors in spite of NO_COLOR"; fi
    grep -q 'user23' plain || fail "not all users are shown"
    echo "terminal: progress comes and goes, tables are whole"
else
    echo "NOT RUN: a terminal session needs tmux"
fi

# The report, as a browser shows it.
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || :)}
if [ "$clouds" -eq 0 ]; then
    echo "NOT RUN: the report in a browser (--short)"
elif [ -z "$chromium" ] || ! command -v npm >/dev/null; then
    echo "NOT RUN: the report in a browser needs Chromium, Node.js and npm"
else
    mkdir -p browser
    cp "$root/scripts/prove-cli/report.mjs" browser/
    if (cd browser && npm install --silent --no-audit --no-fund playwright-core@1) >browser.log 2>&1; then
        shot=${SCREENSHOT:-$work/report.png}
        (cd browser && CHROMIUM=$chromium node report.mjs "$work/report-directory.html" "$shot") ||
            fail "the report in a browser"
    else
        echo "NOT RUN: the report in a browser: playwright-core cannot be installed: $(tail -n 1 browser.log)"
    fi
fi

# serve KIND ARGUMENTS...: starts a server; `endpoint` and `access` say how it is reached.
serve() {
    local log=$1.log
    "$test_server" "$@" >"$log" 2>&1 &
    pids+=($!)
    first_line "$log" >/dev/null
    for _ in $(seq 50); do
        grep -q '^access' "$log" && break
        sleep 0.1
    done
    read -r -a access <<<"$(sed -n 's/^access //p' "$log")"
    endpoint=$(sed -n 's/^listening on //p' "$log")
}
serve s3 --dir objects-s3
bucket=${access[2]}
export AWS_ACCESS_KEY_ID=${access[0]} AWS_SECRET_ACCESS_KEY=${access[1]} AWS_ENDPOINT_URL=$endpoint \
    AWS_REGION=us-east-1 AWS_ALLOW_HTTP=true
there_and_back "s3://$bucket/media" s3
every_command "s3://$bucket/media" s3
if [ "$clouds" -eq 1 ]; then
    serve gcs --dir objects-gcs
    export GOOGLE_SERVICE_ACCOUNT_KEY=${access[0]} GOOGLE_ALLOW_HTTP=true
    there_and_back "gs://${access[1]}/media" gcs
    every_command "gs://${access[1]}/media" gcs
else
    echo "NOT RUN: GCS and Azure (--short)"
fi
if [ "$clouds" -eq 1 ] && [ "$services" -eq 1 ]; then
    serve azure
    export AZURE_STORAGE_ACCOUNT_NAME=${access[0]} AZURE_STORAGE_ACCOUNT_KEY=${access[1]} \
        AZURE_STORAGE_ENDPOINT=$endpoint AZURE_ALLOW_HTTP=true
    there_and_back "az://${access[2]}/media" azure
    every_command "az://${access[2]}/media" azure
fi

# A file that another program appends to every millisecond.
python3 - "$media" files/user1/1.png <<'APPEND'
import base64, json, os, subprocess, sys, threading, time
media, image = sys.argv[1], base64.b64encode(open(sys.argv[2], "rb").read()).decode()
lines, stop = [], threading.Event()
def line(n):
    return json.dumps({"n": n, "url": f"data:image/png;base64,{image}" if n % 50 == 0 else "text"}) + "\n"
with open("live.jsonl", "w") as file:
    for n in range(2000):
        lines.append(line(n)); file.write(lines[-1])
def append():
    n = len(lines)
    while not stop.is_set():
        with open("live.jsonl", "a") as file:
            file.write(line(n))
        lines.append(line(n)); n += 1
        time.sleep(0.001)
writer = threading.Thread(target=append); writer.start()
owner = ["--user", "u", "--session", "s", "--conversation", "c"]
codes = [subprocess.run([media, "history", "slim", "copied", "live.jsonl", "--threshold", "0", "--hot", "--quiet", *owner],
         capture_output=True).returncode for _ in range(5)]
stop.set(); writer.join()
assert all(code in (0, 3) for code in codes), codes
subprocess.run([media, "history", "fatten", "copied", "live.jsonl", "--hot", "--quiet", "--user", "u"], check=True, capture_output=True)
# What was appended while the file was replaced may stand behind what was appended after it.
text = open("live.jsonl").read().splitlines(keepends=True)
assert sorted(text) == sorted(lines), f"{len(text)} of {len(lines)} lines"
print(f"history: rewritten 5 times beside a writer, {len(lines)} of {len(lines)} lines are there (exit codes {codes})")
APPEND

# Files that three programs append hundreds of lines to at a time.
cp live.jsonl base.jsonl
for round in $(seq "$bursts"); do
    cp base.jsonl burst.jsonl
    touch go
    writers=()
    for writer in 1 2 3; do
        sh -c 'n=0; while [ -e go ]; do
            n=$((n+1)); echo "{\"writer\":$1,\"n\":$n}" >>burst.jsonl
            [ $((n % 100)) -ne 0 ] || sleep 0.00$1
        done; echo $n >"count.$1"' writer "$writer" &
        writers+=($!)
    done
    rewritten=0
    for _ in $(seq 60); do
        "$media" history slim copied burst.jsonl --threshold 0 --hot --quiet --user u --session s \
            --conversation c >/dev/null 2>&1 && rewritten=$((rewritten + 1))
        "$media" history fatten copied burst.jsonl --hot --quiet --user u >/dev/null 2>&1 &&
            rewritten=$((rewritten + 1))
        [ "$rewritten" -lt 3 ] || break
    done
    rm go
    wait "${writers[@]}"
    ends 0 "$media" history fatten copied burst.jsonl --hot --user u
    python3 - "$round" "$rewritten" <<'BURST'
import sys
base, text = open("base.jsonl").read(), open("burst.jsonl").read()
wanted = [f'{{"writer":{w},"n":{n}}}' for w in (1, 2, 3) for n in range(1, int(open(f"count.{w}").read()) + 1)]
assert text.startswith(base) and sorted(text[len(base):].splitlines()) == sorted(wanted), f"round {sys.argv[1]}"
print(f"history: rewritten {sys.argv[2]} times beside three writers, {len(wanted)} of {len(wanted)} lines are there")
BURST
done

# Killed at any moment, the file is the old or the new one.
python3 - "$media" "$kills" files/user1/1.png <<'KILLED'
import base64, json, os, random, subprocess, sys, time
media, kills = sys.argv[1], int(sys.argv[2]) * 5
image = base64.b64encode(open(sys.argv[3], "rb").read()).decode()
old = "".join(json.dumps({"n": n, "url": f"data:image/png;base64,{image}"}) + "\n" for n in range(40))
owner = ["--user", "u", "--session", "s", "--conversation", "c"]
states = {"old": 0, "new": 0}
random.seed(7)
for n in range(kills):
    with open("k.jsonl", "w") as file: file.write(old)
    child = subprocess.Popen([media, "history", "slim", "copied", "k.jsonl", "--threshold", "0", "--hot", "--quiet", *owner],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.uniform(0, 0.25)); child.kill(); child.wait()
    text = open("k.jsonl").read()
    states["old" if text == old else "new"] += 1
    if text != old:
        assert "base64,iVBOR" not in text and len(text.splitlines()) == 40
        check = subprocess.run([media, "history", "check", "copied", "k.jsonl", "--user", "u"], capture_output=True)
        assert check.returncode == 0, check
    subprocess.run([media, "history", "slim", "copied", "k.jsonl", "--threshold", "0", "--hot", "--quiet", *owner], check=True, capture_output=True)
    fat = subprocess.run([media, "history", "fatten", "copied", "k.jsonl", "--hot", "--quiet", "--user", "u"], capture_output=True)
    assert fat.returncode == 0 and open("k.jsonl").read() == old, fat
print(f"history: killed {kills} times: {states['old']} times the old file, {states['new']} times the new one, nothing else")
KILLED

# A full disk, of the history or of the store: one line says so, and the old file stays.
# full FILE STORE OPTION...: slims the file, which is told to be impossible.
full() {
    local file=$1 store=$2
    shift 2
    cp "$file" before.json
    ends 1 "$media" history slim "$store" "$file" --threshold 0 --hot --quiet --user u --session s \
        --conversation c "$@"
    [ "$(wc -l <err)" -eq 1 ] || fail "a full disk is told in $(wc -l <err) lines: $(cat err)"
    cmp "$file" before.json || fail "a full disk changed the history"
    [ ! -e "$(dirname "$file")/.$(basename "$file").media-new" ] || fail "a draft is left on a full disk"
}
if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=1m tmpfs full 2>/dev/null; then
    head -c 900000 /dev/zero | tr '\0' 'x' | sed 's/^/"/; s/$/"/' >full/h.json
    full full/h.json copied
    umount full
    mount -t tmpfs -o size=1m tmpfs full
    printf '[{"url":"data:image/png;base64,%s"}]' "$(head -c 2000000 /dev/urandom | base64 -w0)" >h.json
    ends 0 "$media" put full/store files/user1/1.png --create --user u --session s --conversation c
    full h.json full/store
    ends 0 "$media" verify full/store
    umount full
    echo "history: a full disk is exit code 1, and the old file stays"
else
    echo "NOT RUN: a full disk needs root and tmpfs"
fi

# A file whose owner cannot be kept is refused, and kept with its owner where it can.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    mkdir -p theirs/bin && cp "$media" theirs/bin/media
    chmod 755 "$work" && chmod 777 theirs
    printf '[{"url":"data:image/png;base64,%s"}]' "$(base64 -w0 files/user1/1.png)" >theirs/h.json
    cp theirs/h.json before.json
    slim=(history slim theirs/store theirs/h.json --create --threshold 0 --hot --user u --session s --conversation c)
    ends 1 setpriv --reuid=65534 --regid=65534 --clear-groups theirs/bin/media "${slim[@]}"
    grep -q 'owner' err || fail "an owner that cannot be kept is not named: $(cat err)"
    cmp theirs/h.json before.json || fail "a file of another owner was changed"
    chown 1000:1001 theirs/h.json
    ends 0 "$media" "${slim[@]}"
    [ "$(stat -c %u:%g theirs/h.json)" = 1000:1001 ] || fail "the owner of a history was not kept"
    echo "history: the owner is kept, or the file is refused"
else
    echo "NOT RUN: files of other owners need root and setpriv"
fi

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Conversations in a database server: its name, then its URL with the password hush-hush.
conversations() {
    export MEDIA_STATE=$2
    printf '{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]}\n' \
        "$(base64 -w0 files/user1/1.png)" >chat.jsonl
    rm -rf chats chats.json
    ends 1 "$media" import openai chats chat.jsonl --user ada
    # A database without conversations is not taken for one.
    ends 2 "$media" orphans copied
    ends 0 "$media" import openai chats chat.jsonl --user ada --create
    ends 0 "$media" import openai chats chat.jsonl --user ada
    grep -q ' 0 added' out || fail "a conversation was imported twice"
    parses "$media" orphans chats
    ends 0 "$media" export chats --user ada -O chats.tar
    tar -tf chats.tar | grep conversations/ >/dev/null || fail "no conversation in the export"
    ends 0 "$media" forget chats --user ada --receipt chats.json --yes
    grep -q '"complete": true' chats.json || fail "the receipt is not complete"
    if grep -rqs hush-hush out err chats.json; then fail "the password is shown"; fi
    rm -f chats.json chats.tar
    unset MEDIA_STATE
    echo "$1: import, orphans, export, forget"
}

programs=/usr/lib/postgresql/15/bin
if [ "$services" -eq 1 ] && [ -x "$programs/initdb" ]; then
    as=()
    mkdir pg && chmod 755 "$work" && echo hush-hush >pg/password
    if [ "$(id -u)" -eq 0 ]; then
        chown -R postgres pg
        as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    fi
    port=$(free_port)
    (cd pg && "${as[@]}" "$programs/initdb" -D "$work/pg/data" --pwfile "$work/pg/password" -U test \
        --auth=scram-sha-256 --no-sync --locale=C.UTF-8 -E UTF8 >log 2>&1) || fail "initdb: $(cat pg/log)"
    (cd pg && exec "${as[@]}" "$programs/postgres" -D "$work/pg/data" -c listen_addresses=127.0.0.1 \
        -c port="$port" -c unix_socket_directories= -c fsync=off) >pg.log 2>&1 &
    pids+=($!)
    for _ in $(seq 300); do
        grep -q 'ready to accept' pg.log && break
        sleep 0.1
    done
    conversations PostgreSQL "postgres://test:hush-hush@127.0.0.1:$port/postgres"
else
    echo "NOT RUN: PostgreSQL is not installed, or --no-services"
fi
if [ "$services" -eq 1 ] && command -v redis-server >/dev/null; then
    port=$(free_port)
    mkdir redis
    redis-server --bind 127.0.0.1 --port "$port" --dir "$work/redis" --save "" --appendonly yes \
        --requirepass hush-hush >redis.log 2>&1 &
    pids+=($!)
    for _ in $(seq 300); do
        grep -q 'Ready to accept' redis.log && break
        sleep 0.1
    done
    conversations Redis "redis://:hush-hush@127.0.0.1:$port"
else
    echo "NOT RUN: Redis is not installed, or --no-services"
fi

# A store that is down.
ends 1 "$media" info "s3://$bucket/media" -o endpoint=http://127.0.0.1:1 -o retry_timeout=1s
echo "a store that is down: exit code 1, $(wc -l <err) line"

# The examples of the documentation.
examples=0
mkdir docs-run && cd docs-run
cp "$work/files/user1/1.png" photo.png
printf '{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]}\n' \
    "$(base64 -w0 photo.png)" >history.jsonl
printf '%s' "$MEDIA_HISTORY_KEY" >key
while IFS= read -r line; do
    examples=$((examples + 1))
    PATH=$(dirname "$media"):$PATH bash -euo pipefail -c "$line" >"$work/out" 2>"$work/err" ||
        { cat "$work/err" >&2; fail "the example of docs/cli.md: $line"; }
done < <(sed -n '/^```sh run$/,/^```$/{/^```/d;p}' "$root/docs/cli.md")
cd "$work"
[ "$examples" -gt 20 ] || fail "docs/cli.md has $examples examples"
echo "docs/cli.md: $examples examples ran"

if [ -z "$recorded" ]; then
    echo "NOT RUN: recorded histories of other programs (CONTRACT_DATA is not set)"
fi
if [ "$clouds" -eq 1 ] && [ "$services" -eq 0 ]; then
    echo "NOT RUN: Azure needs Azurite (--no-services)"
fi
echo "prove-cli: all held"
