#!/usr/bin/env python3
"""Checks the words of public texts: README, docs, examples, packs, documentation comments and error texts.

A word on the list has a better one in this field; see the second column. Words that a text needs all
the same are in EXCEPTIONS, each with its reason.

usage: scripts/check-words.py
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WORDS = [
    (r"\b(a|one|each|the|every) medium\b", "media item"),
    (r"\b(moving )?pictures?\b", "image"),
    (r"\bbehaviour", "behavior"),
    (r"\borganis", "organiz"),
    (r"(favour|colour|honour|neighbour)", "American spelling"),
    (r"\bof (its|their) own\b(?= (backend|loop|store|transport))", "your own"),
    (r"\bones? own\b|\bone's own\b", "custom, your own"),
    (r"\bat hand\b", "available"),
    (r"\b(broke|breaks|break) off\b", "is truncated, ends early"),
    (r"\bmeanwhile\b", "in the meantime, by another writer"),
    (r"\bset up wrongly\b", "configured incorrectly"),
    (r"\bdoes not read\b", "cannot be read"),
    (r"\bis no (file|directory|JSON|id)\b", "is not a"),
    (r"\b[Mm]end(s|ed)?\b", "fix, correct"),
    (r"^\s*(Whose it is|Which|What)\.?$", "a complete sentence"),
    (r"\bnobody waited\b|\bdid not wait\b", "cancelled by the caller"),
    (r"\btame[sd]?\b", "redact"),
    (r"\b(told|tells)\b", "says, reports, configures, gets"),
    (r"\bso many\b", "a number, a limit"),
    (r"\b(from|no|the|in its|as) words\b(?! or)", "text"),
    (r"\bkeeping sound\b", "verifying"),
    (r"\bshared bytes\b", "blob"),
    (r"\bid26\b|\bMediaId\b", "token"),
    (r"\brecord (beside|next to) the media\b|\brecords? of (a|the|each|every) (reference|media item)\b", "sidecar"),
    (r"\bthe 26\b|\b(the|its) unique (part|characters)\b", "token"),
    # `StorageKey` is the name of the one type.
    (r"\bMediaKey\b|\bjoined key\b", "key"),
    (r"\b(the|a|common) record of (a|the|each) hash\b", "hash record"),
    (r"\bshared bod(y|ies)\b", "blob"),
    (r"\b(media )?notes? (of|for|about) (omitted|missing|lost) media\b|\bMediaNote\b", "omitted media"),
    (r"\bgarbage bytes\b", "orphan"),
    (
        r"\b(?-i:Minted|Sieve|EventIntake|WireForm|KeptInline|NoteCause|IncomingMedia|MediaReceiver|StopReason|MediaFacts"
        r"|OfferedTool|DedupIndex|take_in|is_for_good|told_unreadable|with_max_received_bytes)\b",
        "the name of today, see the glossary",
    ),
    (r"\bhas not the\b|\bends in its middle\b", "does not match, is truncated"),
    (r"\banswers and paints\b|\bWhere to read on\b|\bSmall stays small\b", "a mock server; Documentation"),
]

# Texts that keep a word of the list: (path, pattern, reason).
EXCEPTIONS = [
    ("docs/benchmarks.md", r"picture", "names of measured files"),
    ("crates/conversation-state/src/conformance/references.rs", r"picture", "name of a helper"),
    ("examples/chat-service/src/page.html", r"told", "name of a variable"),
    ("examples/src/advice.rs", r"tells", "advice whose wording a test compares"),
]

# Crates whose texts are not checked yet.
UNCHECKED = set()

# Files that are read as a whole.
WHOLE = {".md", ".json", ".html", ".yaml", ".toml", ".svg"}

COMMENT = re.compile(r"^\s*//[/!](.*)$")
STRING = re.compile(r'"((?:[^"\\]|\\.){12,})"')


def texts(path):
    """Yields the public texts of a file: line number and text."""
    lines = path.read_text().splitlines()
    if path.suffix in WHOLE:
        yield from enumerate(lines, 1)
        return
    for number, line in enumerate(lines, 1):
        if line.strip() == "#[cfg(test)]":
            return
        comment = COMMENT.match(line)
        if comment:
            yield number, comment.group(1)
        elif not line.lstrip().startswith("//"):
            for string in STRING.finditer(line):
                # Identifiers and formats are no sentences.
                if " " in string.group(1):
                    yield number, string.group(1)


def files():
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md"]:
        yield ROOT / name
    yield from sorted(ROOT.glob("crates/*/README.md"))
    yield from sorted((ROOT / "docs").glob("**/*.md"))
    yield from sorted((ROOT / "docs").glob("**/*.svg"))
    yield from sorted((ROOT / "packs").glob("*.json"))
    for path in sorted((ROOT / "examples").glob("**/*")):
        is_test = "tests" in path.parts or path.stem == "tests"
        if path.suffix in WHOLE | {".rs"} and not is_test:
            yield path
    yield from sorted((ROOT / "benches").glob("src/**/*.rs"))
    for crate in sorted((ROOT / "crates").iterdir()):
        if crate.name in UNCHECKED or crate.name == "test-servers":
            continue
        for path in sorted((crate / "src").glob("**/*.rs")):
            if "tests" not in path.relative_to(crate).parts and path.stem != "tests":
                yield path


def main():
    words = [(re.compile(pattern, re.IGNORECASE), better) for pattern, better in WORDS]
    found = 0
    for path in files():
        name = str(path.relative_to(ROOT))
        for number, text in texts(path):
            for pattern, better in words:
                hit = pattern.search(text)
                if hit is None:
                    continue
                if any(
                    name == where and re.search(what, hit.group(0), re.IGNORECASE)
                    for where, what, _ in EXCEPTIONS
                ):
                    continue
                found += 1
                print(f"{name}:{number}: `{hit.group(0)}`: {better}")
    if found:
        print(f"words: {found} to replace")
        return 1
    print("words: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
