#!/usr/bin/env bash
# Installs the servers that tests run against: moto (S3, Python), Azurite (Azure, Node), PostgreSQL and
# Redis (Debian). Quick when they are there. Fails when one cannot be installed.
#
#   scripts/install-servers.sh [moto] [azurite] [postgresql] [redis] [--no-services]
#
# Without a name: all. `--no-services` installs nothing and says what will not be tested.
# moto and Azurite go to $MEDIA_TOOLS_DIR, by default ~/.cache/conversation-media/servers; root is
# allowed to fetch python3-venv and nodejs from Debian for them. PostgreSQL and Redis are packages of
# Debian; nothing of them is started here.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=../crates/test-servers/versions.env
. "$root/crates/test-servers/versions.env"
tools=${MEDIA_TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/conversation-media/servers}

POSTGRESQL_VERSION=15
REDIS_VERSION=7.0

say() { printf 'install-servers: %s\n' "$*"; }
fail() {
    say "FAILED: $*" >&2
    exit 1
}

wanted=()
for argument in "$@"; do
    case $argument in
    moto | azurite | postgresql | redis) wanted+=("$argument") ;;
    --no-services)
        say "NOTE: asked for no services; nothing that needs moto, Azurite, PostgreSQL or Redis will be tested"
        exit 0
        ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=(moto azurite postgresql redis)

# debian PACKAGE...: true when they could be installed.
debian() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends "$@" >/dev/null; }
}

# Both are built beside their final name and renamed when whole, so what is there is complete.
# A Python environment holds its own path, so that one is marked instead.
install_moto() {
    local dir=$tools/moto-$MOTO_VERSION
    [ -f "$dir/complete" ] && return
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        debian python3 python3-venv || fail "moto needs python3 with venv (Debian: python3-venv)"
    fi
    rm -rf "$dir"
    python3 -m venv "$dir" || fail "no Python environment for moto in $dir"
    "$dir/bin/pip" install --quiet --disable-pip-version-check "moto[s3,server]==$MOTO_VERSION" ||
        fail "pip could not install moto $MOTO_VERSION"
    "$dir/bin/moto_server" --help >/dev/null || fail "moto does not start"
    touch "$dir/complete"
    say "moto $MOTO_VERSION in $dir"
}

install_azurite() {
    local dir=$tools/azurite-$AZURITE_VERSION
    local main=node_modules/azurite/dist/src/blob/main.js
    [ -f "$dir/$main" ] && return
    if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        debian nodejs npm || fail "Azurite needs node and npm (Debian: nodejs npm)"
    fi
    rm -rf "$dir.new"
    mkdir -p "$dir.new"
    (cd "$dir.new" && npm install --silent --no-save --no-audit --no-fund --prefix . "azurite@$AZURITE_VERSION") ||
        fail "npm could not install azurite $AZURITE_VERSION"
    node "$dir.new/$main" --version >/dev/null || fail "Azurite does not start"
    rm -rf "$dir"
    mv "$dir.new" "$dir"
    say "Azurite $AZURITE_VERSION in $dir"
}

# The packages start servers of their own unless they are told not to; tests start theirs on free ports.
debian_server() {
    local policy=/usr/sbin/policy-rc.d made=0 outcome=0
    [ "$(id -u)" -eq 0 ] || return 1
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1
    fi
    debian "$@" || outcome=$?
    [ "$made" -eq 0 ] || rm -f "$policy"
    return "$outcome"
}

install_postgresql() {
    local programs=/usr/lib/postgresql/$POSTGRESQL_VERSION/bin
    [ -x "$programs/postgres" ] && return
    debian_server "postgresql-$POSTGRESQL_VERSION" ||
        fail "PostgreSQL $POSTGRESQL_VERSION cannot be installed (Debian: postgresql-$POSTGRESQL_VERSION)"
    [ -x "$programs/postgres" ] || fail "PostgreSQL is not in $programs"
    say "PostgreSQL $POSTGRESQL_VERSION in $programs"
}

install_redis() {
    local found=
    if ! command -v redis-server >/dev/null 2>&1; then
        debian_server redis-server || fail "Redis cannot be installed (Debian: redis-server)"
        say "Redis: $(redis-server --version)"
    fi
    found=$(redis-server --version | sed -n 's/.* v=\([0-9]*\.[0-9]*\).*/\1/p')
    [ "$found" = "$REDIS_VERSION" ] || say "NOTE: Redis is $found; the tests were made with $REDIS_VERSION"
}

mkdir -p "$tools" || fail "$tools cannot be created"
# One at a time, however many test runs begin at once.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$tools/lock"
    flock 9
fi
for name in "${wanted[@]}"; do
    "install_$name"
done
