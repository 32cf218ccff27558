#!/usr/bin/env bash
# Conversations of 60 images over 30 turns, under a cap of 20 images and under one of bytes for 18: what
# each request of each API amounts to, how much of its beginning is that of the one before, and what
# differs first; with the clock an hour further each turn, two models in turn, restarts and failed requests.
#
# Turns are listed where nothing disturbs them, with --all everywhere.
#
#   scripts/prove-planner.sh [--short] [--all]
set -euo pipefail
cd "$(dirname "$0")/.."

size=20000
all=()
for option in "$@"; do
    case $option in
    --short) size=2000 ;;
    --all) all=(--all) ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done

prove=$(./scripts/program.py example prove_planner -- -p conversation-providers)
"$prove" 30 2 "$size" "${all[@]}"
