#!/usr/bin/env python3
"""A preprocessor of mdBook: links that leave the pages lead to the repository, so that they work in the book.

usage: scripts/book/repository.py supports RENDERER
       scripts/book/repository.py < BOOK
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ROOT / "docs"
REPOSITORY = "https://github.com/conversation-media/conversation-media"
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


def target_of(page, link):
    """Returns where a link of a page leads in the book."""
    path, mark, anchor = link.partition("#")
    if not path or "://" in path:
        return link
    target = (PAGES / page).parent.joinpath(path).resolve()
    if target.is_dir() and (target / "README.md").exists() and target.is_relative_to(PAGES):
        target, path = target / "README.md", f"{path.rstrip('/')}/README.md"
    if target.name == "README.md" and target.is_relative_to(PAGES):
        # The name that mdBook gives it.
        return f"{path.removesuffix('README.md')}index.md{mark}{anchor}"
    if target.is_relative_to(PAGES) and target.is_file():
        return link
    kind = "tree" if target.is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{target.relative_to(ROOT)}{mark}{anchor}"


def rewrite(section):
    chapter = section.get("Chapter") if isinstance(section, dict) else None
    if chapter is None:
        return
    page = chapter["path"]
    chapter["content"] = LINK.sub(lambda link: target_of(page, link.group(1)), chapter["content"])
    for inner in chapter["sub_items"]:
        rewrite(inner)


def main():
    if sys.argv[1:2] == ["supports"]:
        return 0
    _, book = json.load(sys.stdin)
    for section in book["sections"]:
        rewrite(section)
    json.dump(book, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
