#!/usr/bin/env python3
"""Checks what each crate shows to people who find it: its README and its package metadata.

A README shows one use, and that code is also an example that the tests compile: of the crate's documentation,
of README or of docs. Lines that documentation hides may be shown or not. Links lead somewhere.

usage: scripts/check-crates.py
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What stands around an example, and differs between documentation and a whole program.
FRAME = re.compile(r"#\[tokio::main.*|(async )?fn main\(.*|Ok(::<.*>)?\(\(\)\);?|\}")
KEYWORD = re.compile(r"[a-z0-9][a-z0-9_+-]{0,19}")

problems = []


def check(holds, problem):
    if not holds:
        problems.append(problem)


def plain(lines):
    """Returns lines without indentation, empty ones and the frame."""
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not FRAME.fullmatch(line)]


def fences(text):
    """Yields the blocks of code of a text."""
    for match in re.finditer(r"^```(?:rust)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield match.group(1).splitlines()


def examples(crate):
    """Yields the compiled examples that a README may show."""
    library = crate / "src/lib.rs"
    if library.exists():
        comments = re.findall(r"^//! ?(.*)$", library.read_text(), re.MULTILINE)
        for block in fences("\n".join(comments)):
            yield plain(re.sub(r"^# ?", "", line) if not line.startswith("#[") else line for line in block)
            yield plain(line for line in block if line != "#" and not line.startswith("# "))
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        yield from (plain(block) for block in fences(page.read_text()))


def check_readme(crate):
    name, path = crate.name, crate / "README.md"
    if not path.exists():
        check(False, f"{name}: there is no README.md")
        return
    text = path.read_text()
    check(text.startswith(f"# {name}\n"), f"{name}: README.md begins with another title")
    known = None
    for block in re.findall(r"^```rust\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        known = known or list(examples(crate))
        shown = plain(block.splitlines())
        check(shown in known, f"{name}: README.md shows code that no test compiles")
    for target in re.findall(r"\]\(([^)#]+)", text):
        check("://" in target or (crate / target).exists(), f"{name}: README.md links to {target}")


def check_metadata(crate):
    manifest = tomllib.loads((crate / "Cargo.toml").read_text())
    package, name = manifest["package"], crate.name
    if package.get("publish") is False:
        return
    keywords, categories = package.get("keywords", []), package.get("categories", [])
    check(1 <= len(keywords) <= 5, f"{name}: {len(keywords)} keywords")
    check(all(map(KEYWORD.fullmatch, keywords)), f"{name}: a keyword that a registry refuses")
    check(1 <= len(categories) <= 5, f"{name}: {len(categories)} categories")
    check(package.get("description"), f"{name}: there is no description")
    docs = package.get("metadata", {}).get("docs", {}).get("rs", {})
    check(docs.get("all-features") is True, f"{name}: docs.rs would not show all features")


def main():
    crates = sorted(path.parent for path in ROOT.glob("crates/*/Cargo.toml"))
    readme = (ROOT / "README.md").read_text()
    for crate in crates:
        check_readme(crate)
        check_metadata(crate)
        check(f"`{crate.name}`" in readme, f"{crate.name}: README.md of the repository does not name it")
    for page in sorted((ROOT / "docs").glob("*.md")):
        known = f"(docs/{page.name})" in readme or page.name == "introduction.md"
        check(known, f"README.md does not link to docs/{page.name}")
    for problem in problems:
        print(f"crates: {problem}")
    if not problems:
        print(f"crates: ok, {len(crates)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
