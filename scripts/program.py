#!/usr/bin/env python3
"""Builds a program of this workspace and prints its path.

usage: scripts/program.py KIND NAME... [-- CARGO OPTION...]

KIND is bin, example or test. A NAME is what cargo calls the program; that of a test has its package in
front, as in media-loader/it. A line for each NAME is printed, in their order. The options say what cargo
builds, such as `-p media-loader --features http` or `--release`.

MEDIA_PROGRAMS may name a file with what `cargo test --all-features --no-run --message-format=json` has
printed. Programs are then taken from there, and built only if they are missing: cargo would wait for every
other build, and might build anew for other features.
"""

import json
import os
import pathlib
import subprocess
import sys

KINDS = ("bin", "example", "test")


def programs(lines):
    """Yields kind, package, name and path of each program that cargo told of."""
    for line in lines:
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        if message.get("reason") != "compiler-artifact" or not message.get("executable"):
            continue
        kind = message["target"]["kind"][0]
        # Tests that are inside of a program make another program of it.
        if kind in KINDS and message["profile"]["test"] == (kind == "test"):
            package = pathlib.Path(message["manifest_path"]).parent.name
            yield kind, package, message["target"]["name"], message["executable"]


def build(kind, names, options):
    """Returns what cargo prints."""
    command = ["cargo", "test", "--no-run"] if kind == "test" else ["cargo", "build"]
    for name in names:
        command += [f"--{kind}", name.split("/")[-1]]
    command += ["--locked", "--quiet", "--message-format=json-render-diagnostics", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.splitlines()


def main(arguments):
    options = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1 :]
    if len(arguments) < 2 or arguments[0] not in KINDS:
        sys.exit(__doc__)
    kind, names = arguments[0], arguments[1:]
    found = {}

    def find(lines):
        for of_kind, package, name, path in programs(lines):
            if of_kind == kind:
                found[f"{package}/{name}" if kind == "test" else name] = path

    told = os.environ.get("MEDIA_PROGRAMS")
    if told:
        find(pathlib.Path(told).read_text(encoding="utf-8").splitlines())
        # Of an example that has tests, these alone were built.
        missing = [name for name in names if name not in found]
        if missing:
            find(build(kind, missing, ["--all-features"]))
    else:
        find(build(kind, names, options))
    for name in names:
        if name not in found:
            sys.exit(f"program.py: {kind} {name} was not built")
        print(found[name])


main(sys.argv[1:])
