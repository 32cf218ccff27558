#!/usr/bin/env python3
"""Checks what each crate shows to people who find it: its README and its package metadata.

A README shows one use; `docs/check` compiles it as it stands. Links lead somewhere.

usage: scripts/check-crates.py
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A command, and servers for the tests here.
WITHOUT_CODE = {"media-cli", "test-servers"}
KEYWORD = re.compile(r"[a-z0-9][a-z0-9_+-]{0,19}")

problems = []


def check(holds, problem):
    if not holds:
        problems.append(problem)


def check_readme(crate):
    name, path = crate.name, crate / "README.md"
    if not path.exists():
        check(False, f"{name}: there is no README.md")
        return
    text = path.read_text()
    check(text.startswith(f"# {name}\n"), f"{name}: README.md begins with another title")
    check("\n```rust\n" in text or name in WITHOUT_CODE, f"{name}: README.md shows no use")
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
    drawn = (ROOT / "docs/architecture.svg").read_text()
    for crate in crates:
        check_readme(crate)
        check_metadata(crate)
        check(f"`{crate.name}`" in readme, f"{crate.name}: README.md of the repository does not name it")
        is_drawn = crate.name in re.findall(r"[a-z][a-z-]+[a-z]", drawn)
        check(is_drawn or crate.name == "test-servers", f"{crate.name}: docs/architecture.svg does not show it")
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
