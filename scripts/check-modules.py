#!/usr/bin/env python3
"""Checks the modules of every crate: no circles between them, no file above 400 lines, tests, examples
and benchmarks included, and no crate above its limit of lines, tests apart.

A module is a file. Its edges are the paths that it names: `use crate::..`, `use super::..`, paths
written out in the code, and children that it declares. Names that a `lib.rs` or `mod.rs` re-exports
lead to the module that they come from. A `lib.rs` or `mod.rs` that only declares and re-exports is
no module of its own. Paths in test code do not count.

usage: scripts/check-modules.py [--edges CRATE]
"""

import re
import sys
from pathlib import Path

MAX_LINES = 400
# Lines of a crate without its tests, which are its directory `tests` and modules that only tests have.
MAX_CRATE_LINES = {"conversation-sdk": 9000}
# Where code is that belongs to no library.
BESIDE = ["crates/*/tests", "crates/*/examples", "crates/*/benches", "benches", "docs/check", "examples", "fuzz/targets"]

ROOT = Path(__file__).resolve().parent.parent
PATH = re.compile(r"(?<![\w$:])(crate|super|self)((?:\s*::\s*\w+)+)")
USE = re.compile(r"(?:\b(pub)\s*(?:\([^)]*\))?\s*)?\buse\s+([^;]+);")
MOD = re.compile(r"\bmod\s+(\w+)\s*;")
ELSEWHERE = re.compile(r'#\[path = "(\w+)\.rs"\]\s*mod\s+(\w+)\s*;')


def blank(text):
    """Returns the source with comments and the insides of literals replaced by spaces."""
    out, at, end = [], 0, len(text)
    raw = re.compile(r'b?r(#*)"')
    char = re.compile(r"b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^\\'\n])'")

    def cover(piece):
        out.append(re.sub(r"[^\n]", " ", piece))

    while at < end:
        if text.startswith("//", at):
            stop = text.find("\n", at)
            stop = end if stop < 0 else stop
        elif text.startswith("/*", at):
            depth, stop = 1, at + 2
            while depth and stop < end:
                if text.startswith("/*", stop):
                    depth, stop = depth + 1, stop + 2
                elif text.startswith("*/", stop):
                    depth, stop = depth - 1, stop + 2
                else:
                    stop += 1
        elif (found := raw.match(text, at)) and not (at and re.match(r"\w", text[at - 1])):
            close = '"' + found.group(1)
            stop = text.find(close, found.end())
            stop = end if stop < 0 else stop + len(close)
        elif text[at] == '"':
            stop = at + 1
            while stop < end and text[stop] != '"':
                stop += 2 if text[stop] == "\\" else 1
            stop += 1
        elif text[at] == "'" and (found := char.match(text, at)):
            stop = found.end()
        else:
            out.append(text[at])
            at += 1
            continue
        cover(text[at:stop])
        at = stop
    return "".join(out)


def closing(text, opening):
    """Returns the index behind the bracket that closes the one at `opening`."""
    pairs = {"{": "}", "[": "]", "(": ")"}
    depth = 0
    for at in range(opening, len(text)):
        if text[at] in pairs:
            depth += 1
        elif text[at] in pairs.values():
            depth -= 1
            if depth == 0:
                return at + 1
    return len(text)


def without_tests(text):
    """Removes items under `#[cfg(test)]`; returns the rest and the test modules declared."""
    tests = set()
    while found := re.search(r"#\[cfg\((?:all\()?test\b[^\]]*\]", text):
        at = found.end()
        while attribute := re.match(r"\s*#\[", text[at:]):
            at = closing(text, at + attribute.end() - 1)
        item = re.compile(r"[{;]").search(text, at)
        if item is None:
            stop = len(text)
        elif item.group() == ";":
            stop = item.end()
            if declared := re.search(r"\bmod\s+(\w+)\s*;", text[at:stop]):
                tests.add(declared.group(1))
        elif re.match(r"\s*(?:pub\s*(?:\([^)]*\))?\s*)?use\b", text[at:]):
            stop = text.find(";", at) + 1
        else:
            stop = closing(text, item.start())
        text = text[: found.start()] + text[stop:]
    return text, tests


def use_tree(tree):
    """Yields (path, name) for each leaf of a use tree; the name is `*` for a glob."""
    tree = tree.strip()
    if "{" not in tree:
        path, _, alias = tree.partition(" as ")
        parts = [part.strip() for part in path.split("::") if part.strip()]
        if parts:
            yield parts, (alias.strip() or parts[-1])
        return
    opening = tree.index("{")
    prefix = [part.strip() for part in tree[:opening].split("::") if part.strip()]
    inner = tree[opening + 1 : closing(tree, opening) - 1]
    depth, start = 0, 0
    for at, letter in enumerate(inner + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            for parts, name in use_tree(inner[start:at]):
                if parts == ["self"]:
                    yield prefix, (prefix[-1] if name == "self" else name)
                else:
                    yield prefix + parts, name
            start = at + 1


class Module:
    def __init__(self, file, path):
        self.file = file
        self.path = path
        source = file.read_text()
        self.lines = source.count("\n")
        # Children whose file has another name, as modules for one operating system have.
        self.elsewhere = [(path[:], child, file) for file, child in ELSEWHERE.findall(source)]
        self.text, self.tests = without_tests(blank(source))
        self.children = set(MOD.findall(self.text))
        self.uses = [
            (bool(public), parts, name)
            for public, tree in USE.findall(self.text)
            for parts, name in use_tree(tree)
        ]
        rest = USE.sub("", self.text)
        self.code = rest
        rest = re.sub(r"(?:\bpub\s*(?:\([^)]*\))?\s*)?\bmod\s+\w+\s*;", "", rest)
        while attribute := re.search(r"#!?\[", rest):
            rest = rest[: attribute.start()] + rest[closing(rest, attribute.end() - 1) :]
        is_parent = file.name in ("mod.rs", "lib.rs")
        self.is_facade = is_parent and not rest.strip()

    @property
    def name(self):
        return "::".join(self.path) or "crate"


class Crate:
    def __init__(self, source):
        self.name = source.parent.name
        self.modules = {}
        files = [f for f in sorted(source.rglob("*.rs")) if f.relative_to(source).parts[0] != "bin"]
        for file in files:
            parts = list(file.relative_to(source).with_suffix("").parts)
            if parts[-1] in ("mod", "lib", "main"):
                parts.pop()
            self.modules[tuple(parts)] = Module(file, tuple(parts))
        # Modules that only tests have, with everything below them.
        tests = {
            path + (child,) for path, module in self.modules.items() for child in module.tests
        }
        self.modules = {
            path: module
            for path, module in self.modules.items()
            if not any(path[: len(test)] == test for test in tests)
            and not any(part == "tests" for part in path)
        }
        self.aliases = {}
        for module in self.modules.values():
            for path, child, file in module.elsewhere:
                self.aliases.setdefault(path + (child,), []).append(path + (file,))

    def absolute(self, module, parts):
        """Returns the path of a name seen from a module, or None for one of another crate."""
        base, parts = list(module.path), list(parts)
        if parts[0] == "crate":
            return tuple(parts[1:])
        if parts[0] == "self":
            parts.pop(0)
        elif parts[0] == "super":
            while parts and parts[0] == "super":
                base = base[:-1]
                parts.pop(0)
        elif parts[0] not in module.children:
            return None
        return tuple(base + parts)

    def targets(self, path, seen=()):
        """Returns the modules that a path leads to, through re-exports."""
        if path in seen:
            return set()
        for alias, files in self.aliases.items():
            if path[: len(alias)] == alias:
                rest = path[len(alias) :]
                return set().union(*(self.targets(file + rest, seen) for file in files))
        depth = len(path)
        while depth and path[:depth] not in self.modules:
            depth -= 1
        module = self.modules.get(path[:depth])
        if module is None:
            return set()
        if not module.is_facade:
            return {module.path}
        if depth == len(path):
            return set()
        found = set()
        for public, parts, name in module.uses:
            if name == path[depth] or name == "*" and path[depth] != "*":
                target = self.absolute(module, parts[:-1] if name == "*" else parts)
                if target is not None:
                    rest = path[depth:] if name == "*" else path[depth + 1 :]
                    found |= self.targets(target + rest, seen + (path,))
            elif path[depth] == "*" and public:
                target = self.absolute(module, parts)
                if target is not None:
                    found |= self.targets(target, seen + (path,))
        return found

    def edges(self, module):
        named = [parts for _, parts, _ in module.uses]
        for first, rest in PATH.findall(module.code):
            named.append([first] + [part.strip() for part in rest.split("::") if part.strip()])
        for child in module.children:
            pattern = rf"(?<![\w:$]){child}((?:\s*::\s*\w+)+)"
            for rest in re.findall(pattern, module.code):
                named.append([child] + [part.strip() for part in rest.split("::") if part.strip()])
        for _, parts, name in module.uses:
            # Names of a parent that only re-exports lead on to where they come from.
            path = self.absolute(module, parts)
            target = self.modules.get(path)
            if target is not None and target.is_facade:
                pattern = rf"(?<![\w:$]){name}\s*::\s*(\w+)"
                named += [parts + [inner] for inner in re.findall(pattern, module.code)]
        found = set()
        for parts in named:
            path = self.absolute(module, parts)
            if path is not None:
                found |= self.targets(path)
        return found - {module.path}

    def circles(self):
        graph = {
            path: self.edges(module)
            for path, module in self.modules.items()
            if not module.is_facade
        }
        return [circle for circle in components(graph) if len(circle) > 1], graph

    def long_files(self):
        return [m for m in self.modules.values() if m.lines > MAX_LINES]


def components(graph):
    """Returns the strongly connected components of a graph (Tarjan, without recursion)."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, edges = work[-1]
            for other in edges:
                if other not in graph:
                    continue
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(graph[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    component = []
                    while True:
                        other = stack.pop()
                        on_stack.discard(other)
                        component.append(other)
                        if other == node:
                            break
                    found.append(component)
    return found


def main():
    crates = [Crate(source) for source in sorted(ROOT.glob("crates/*/src"))]
    if len(sys.argv) == 3 and sys.argv[1] == "--edges":
        crate = next(crate for crate in crates if crate.name == sys.argv[2])
        for path, edges in sorted(crate.circles()[1].items()):
            print("::".join(path) or "crate", "->", " ".join(sorted("::".join(e) for e in edges)))
        return 0
    failed = False
    for crate in crates:
        circles, graph = crate.circles()
        long_files = crate.long_files()
        lines = sum(module.lines for module in crate.modules.values())
        too_long = lines > MAX_CRATE_LINES.get(crate.name, lines)
        failed |= bool(circles or long_files or too_long)
        print(
            f"{crate.name:24} {len(graph):3} modules, {len(circles)} circles, "
            f"{len(long_files)} files above {MAX_LINES} lines"
        )
        for circle in circles:
            print(f"  circle: {' '.join(sorted('::'.join(p) or 'crate' for p in circle))}")
        for module in long_files:
            print(f"  {module.file.relative_to(ROOT)}: {module.lines} lines")
        if too_long:
            print(f"  {lines} lines in all, {MAX_CRATE_LINES[crate.name]} are allowed")
    for file in sorted(file for place in BESIDE for file in ROOT.glob(f"{place}/**/*.rs")):
        lines = file.read_text().count("\n")
        if lines > MAX_LINES:
            failed = True
            print(f"  {file.relative_to(ROOT)}: {lines} lines")
    if failed:
        print("modules: circles, long files or a long crate, see above", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
