#!/usr/bin/env python3
"""Checks the pages of docs: links lead to pages and headings that exist, each page is in the book once, and code
that is shown of a file is in that file.

usage: scripts/check-pages.py [BOOK]
With the directory of a book that was built, its links and images are checked too.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
problems = []


def without_code(text):
    """Returns a text without blocks and spans of code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", lambda code: code.group(0).replace("](", "] ("), text)


def anchors(page):
    """Returns the anchors of a page, as the forge and mdBook make them."""
    found = {}
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        name = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        count = found.get(name, 0)
        found[name] = count + 1
        if count:
            found[f"{name}-{count}"] = 1
    return set(found)


def check_links(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        path, _, anchor = link.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = page.parent.joinpath(path).resolve() if path else page
        if not target.exists():
            problems.append(f"{page.relative_to(ROOT)}: {link} leads nowhere")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            problems.append(f"{page.relative_to(ROOT)}: {link}: there is no such heading")


def check_shown(page):
    """Code that a page shows of a file is in that file, perhaps deeper."""
    blocks = re.findall(r"^<!-- shown: (\S+) -->\n```[^\n]*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    for path, block in blocks:
        file = ROOT / path
        text = file.read_text() if file.exists() else ""
        deeper = [re.sub(r"^(?=.)", " " * depth, block, flags=re.MULTILINE) for depth in range(0, 20, 2)]
        if not any(code in text for code in deeper):
            problems.append(f"{page.relative_to(ROOT)}: code is not that of {path}: {block.splitlines()[0]}")


def check_summary():
    listed = re.findall(r"\]\(([^)\s]+)\)", (DOCS / "SUMMARY.md").read_text())
    pages = {str(page.relative_to(DOCS)) for page in DOCS.glob("**/*.md") if "check" not in page.parts}
    pages.discard("SUMMARY.md")
    for page in sorted(pages - set(listed)):
        problems.append(f"docs/SUMMARY.md: {page} is not in the book")
    for page in sorted(set(listed)):
        if listed.count(page) > 1:
            problems.append(f"docs/SUMMARY.md: {page} is there {listed.count(page)} times")


def check_book(book):
    names = {}
    for page in book.glob("**/*.html"):
        text = page.read_text()
        names[page.resolve()] = set(re.findall(r'\bid="([^"]+)"', text))
    for page in sorted(names):
        if page.name in {"print.html", "404.html"}:
            continue
        for link in re.findall(r'\b(?:href|src)="([^"]+)"', page.read_text()):
            path, _, anchor = link.partition("#")
            if "://" in path or path.startswith(("mailto:", "javascript:", "data:")):
                continue
            target = page.parent.joinpath(path).resolve() if path else page
            if not target.exists():
                problems.append(f"{page.relative_to(book.resolve())}: {link} leads nowhere")
            elif anchor and target in names and anchor not in names[target]:
                problems.append(f"{page.relative_to(book.resolve())}: {link}: there is no such heading")
    return len(names)


def main():
    pages = [ROOT / name for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]]
    pages += sorted(ROOT.glob("crates/*/README.md"))
    pages += [page for page in sorted(DOCS.glob("**/*.md")) if "check" not in page.parts]
    for page in pages:
        check_links(page)
        check_shown(page)
    check_summary()
    built = check_book(Path(sys.argv[1])) if len(sys.argv) > 1 else None
    for problem in problems:
        print(f"pages: {problem}")
    if not problems:
        print(f"pages: ok, {len(pages)}" + ("" if built is None else f", {built} in the book"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
