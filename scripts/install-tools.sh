#!/usr/bin/env bash
# Installs what the proofs need beyond Rust, where this machine allows it. Says what is missing.
set -euo pipefail

case "$(uname -s)" in
Linux) ;;
*)
    echo "install-tools: the proofs of the file store run on Linux; nothing to install here"
    exit 0
    ;;
esac

declare -A packages=([strace]=strace [mkfs.ext4]=e2fsprogs [mkfs.xfs]=xfsprogs [jq]=jq)
missing=()
for tool in "${!packages[@]}"; do
    command -v "$tool" >/dev/null 2>&1 || missing+=("${packages[$tool]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
        { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null; }
    echo "install-tools: installed ${missing[*]}"
else
    echo "install-tools: MISSING ${missing[*]}; install them, or the proofs say what they could not show" >&2
fi
