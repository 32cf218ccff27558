#!/usr/bin/env bash
# Holds the dependency tree to its promises: arrows point down only, small crates stay small, and
# no HTTP client or object store sneaks in under the crates that must not have one.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'layers: %s\n' "$*" >&2; exit 1; }

# The crates that a package pulls in, itself included; extra arguments go to cargo.
tree() {
    local package=$1
    shift
    cargo tree --locked -p "$package" -e normal,no-proc-macro --prefix none "$@" |
        sed 's/ .*//' | sort -u
}

at_most() {
    local package=$1 limit=$2 count
    count=$(tree "$package" | wc -l)
    [ "$count" -le "$limit" ] || fail "$package pulls in $count crates, $limit are allowed"
    printf '%-24s %3d crates (at most %d)\n' "$package" "$count" "$limit"
}

# A package, with what cargo is told in front of the crates it must not pull in: "name --flag".
never() {
    local package=${1%% *} crates found
    local flags=()
    [ "$package" = "$1" ] || read -ra flags <<<"${1#* }"
    shift
    crates=$(tree "$package" "${flags[@]}")
    found=$(grep -Fx -f <(printf '%s\n' "$@") <<<"$crates" | paste -sd ' ' || true)
    [ -z "$found" ] || fail "$package ${flags[*]} must not depend on $found"
}

at_most media-types 18
at_most media-storage 26
at_most media-store-fs 50
at_most media-store-object 128
at_most media-read-cache 50
at_most media-encryption 60
at_most media-erasure 42

# What README says about the footprint: a package, with what cargo is told, and the number after its name. Two
# versions of a crate are two, since both are compiled. The target is fixed, so that the numbers are the same on
# every system.
footprint=$(tr '\n' ' ' <README.md | grep -o 'Crates in all, without proc macros:[^.]*\.') ||
    fail "README.md does not say how many crates there are"
said() {
    local package=${1%% *} count
    local flags=()
    [ "$package" = "$1" ] || read -ra flags <<<"${1#* }"
    count=$(cargo tree --locked -p "$package" -e normal,no-proc-macro --prefix none \
        --target x86_64-unknown-linux-gnu "${flags[@]}" | cut -d' ' -f1,2 | sort -u | wc -l)
    grep -qE "\`$package\`[^0-9]* $count\b" <<<"$footprint" ||
        fail "README.md does not say that $package ${flags[*]} is $count crates in all"
}
said media-types
said media-storage
said media-store-fs
said "media-store-object --features all"
said "conversation-sdk --features openai"

http="reqwest hyper ureq curl isahc"
never media-types $http tokio url object_store media-storage
never media-storage $http tokio url object_store media-store-fs media-loader conversation-sdk
never prompt-pack $http tokio url object_store media-storage conversation-sdk
never media-storage-testkit $http object_store media-store-fs media-loader conversation-sdk
never media-store-fs $http url object_store media-loader conversation-sdk
never media-store-object rusqlite media-store-fs media-loader conversation-sdk
never media-read-cache $http url object_store media-store-fs media-store-object media-loader conversation-sdk
never "media-store-object --no-default-features" $http aws-lc-rs
never media-encryption $http url object_store media-store-fs media-store-object media-loader conversation-sdk
never media-erasure $http url object_store media-store-fs media-store-object media-loader conversation-sdk
never media-image $http url object_store media-store-fs media-store-object media-loader conversation-sdk
never media-history $http url object_store media-store-fs media-loader conversation-sdk
never "media-http --no-default-features" tokio
never media-http $http object_store media-store-fs media-loader conversation-sdk
never media-loader object_store media-store-fs conversation-sdk
never "media-loader --no-default-features" $http url
# The types of conversations are media-types and three crates more, themselves included.
at_most conversation-types 21
never conversation-types $http tokio url object_store media-storage
never conversation-providers $http object_store media-store-fs rusqlite conversation-state conversation-sdk
never "conversation-providers --features openai,http" object_store media-store-fs rusqlite
never conversation-state $http object_store media-storage rusqlite conversation-sdk
never media-history $http object_store media-store-fs conversation-types conversation-sdk
never conversation-externalizer $http object_store media-store-fs conversation-state conversation-providers conversation-sdk
never conversation-lifecycle $http object_store media-store-fs rusqlite prompt-pack conversation-providers conversation-events conversation-sdk
never conversation-tools $http object_store media-store-fs rusqlite conversation-state prompt-pack conversation-sdk
never conversation-events $http object_store media-store-fs rusqlite conversation-tools conversation-sdk
never conversation-sdk $http object_store media-store-fs rusqlite
never "conversation-sdk --features http,openai" object_store media-store-fs rusqlite

# One crate knows object stores; tests, benches and test servers may.
elsewhere=$(grep -lE '^object_store\b' crates/*/Cargo.toml |
    grep -vE '^crates/(media-store-object|test-servers)/' || true)
[ -z "$elsewhere" ] || fail "object_store is named elsewhere: $elsewhere"

# URLs are fetched in one place; the other client is the one of the providers' APIs. Bodies are
# never decompressed on the way.
elsewhere=$(grep -rlE '\bClient::(new|builder)\(|\breqwest::get\(|\bureq::' crates --include='*.rs' |
    grep -vE '^crates/(media-loader/src/fetch/client|conversation-providers/src/http/client)\.rs$' |
    grep -vE '^crates/test-servers/|/(tests|examples|benches)/' || true)
[ -z "$elsewhere" ] || fail "an HTTP client is made outside its places: $elsewhere"
for feature in gzip brotli deflate zstd cookies; do
    found=$(cargo tree --locked -p conversation-sdk --all-features -e features -i reqwest |
        grep -F "reqwest feature \"$feature\"" || true)
    [ -z "$found" ] || fail "reqwest must not have the feature $feature"
done

printf 'layers: ok\n'
