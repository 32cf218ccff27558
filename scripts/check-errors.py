#!/usr/bin/env python3
"""Checks that docs/errors.md has a table for each enum of kinds and each kind once, and that a test provokes each
through public items: unit tests do not count.

usage: scripts/check-errors.py
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/errors.md"

# Kinds that no call can provoke, and why.
UNREACHABLE = {
    ("LoadErrorKind", "Unsupported"): "no source of content is unknown to this version",
    ("ExternalizeErrorKind", "NotAllowed"): "the SDK makes it `NotFound`, which its test of the fence has",
    ("StorageErrorKind", "Cancelled"): "whoever it is for no longer waits; a unit test has it",
}


def kinds_of_page():
    """Returns the kinds that each table of the page names."""
    sections = re.split(r"^## `(\w+)`$", PAGE.read_text(), flags=re.M)[1:]
    tables = {}
    for name, text in zip(sections[::2], sections[1::2]):
        cells = re.findall(r"^\| (`[^|]*) \|", text, flags=re.M)
        tables[f"{name}Kind"] = [kind for cell in cells for kind in re.findall(r"`(\w+)`", cell)]
    return tables


def kinds_of_code(enum):
    """Returns the variants of an enum of kinds."""
    for path in sorted(ROOT.glob("crates/*/src/**/*.rs")):
        text = path.read_text()
        if not (found := re.search(rf"^( *)pub enum {enum} \{{\n(.*?)^\1\}}", text, flags=re.M | re.S)):
            continue
        # An enum that a macro makes takes its kinds from the macro's list, beside a status.
        if made := re.search(r"^kinds! \{\n(.*?)^\}", text, flags=re.M | re.S):
            return re.findall(r"^    (\w+), \d", made[1], flags=re.M)
        return re.findall(r"^    (\w+)(?: \{|\(|,)", found[2], flags=re.M)
    return []


def tests():
    """Returns the text of every test, published suites included."""
    files = subprocess.run(
        ["git", "ls-files", "*.rs"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    texts = []
    for name in files.stdout.split():
        text = (ROOT / name).read_text()
        if "/tests/" in name or "testkit/src/" in name or "/conformance/" in name:
            texts.append(text)
    return texts


def is_tested(enum, kind, texts):
    whole = re.compile(rf"\b{enum}::{kind}\b")
    short = re.compile(rf"\b(Kind|ErrorKind)::{kind}\b")
    return any(whole.search(text) or (enum in text and short.search(text)) for text in texts)


def main():
    failures = []
    texts = tests()
    tables = kinds_of_page()
    for path in sorted(ROOT.glob("crates/*/src/**/*.rs")):
        for enum in re.findall(r"^ *pub enum (\w+ErrorKind) ", path.read_text(), flags=re.M):
            if enum not in tables:
                failures.append(f"{enum} has no table in docs/errors.md")
    for enum, named in tables.items():
        declared = kinds_of_code(enum)
        if not declared:
            failures.append(f"{enum}: no such enum")
        for kind in declared:
            count = named.count(kind)
            if count != 1:
                failures.append(f"{enum}::{kind} stands {count} times in docs/errors.md")
            if not is_tested(enum, kind, texts) and (enum, kind) not in UNREACHABLE:
                failures.append(f"{enum}::{kind} is provoked by no test")
        failures += [f"{enum}::{kind} is not declared" for kind in named if kind not in declared]
    print("\n".join(failures) or f"errors: ok, {sum(map(len, tables.values()))} kinds")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
