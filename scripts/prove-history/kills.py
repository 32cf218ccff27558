"""Kills `media history slim` and `fatten` at every system call that reads or changes files.

    kills.py MEDIA [--short]    with --short at some occurrences of each

After each kill the history is the old or the new one, in full; the next run finishes what was begun, and
the history comes back bit for bit. Needs Linux, strace and root: the command runs in a PID namespace of
its own, so that what it looks up in /proc is the same each time.
"""

import base64
import collections
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

CHANGES = ["openat", "write", "pwrite64", "rename", "renameat", "renameat2", "link", "linkat", "unlink",
           "unlinkat", "mkdir", "mkdirat", "fsync", "fdatasync", "ftruncate", "fchmod", "fchmodat",
           "fchown", "flock", "copy_file_range", "fallocate", "utimensat", "setxattr", "fsetxattr"]
READS = ["close", "statx", "fstat", "read", "pread64", "lseek", "getdents64", "readlink", "fcntl"]

MEDIA, SHORT = os.path.realpath(sys.argv[1]), "--short" in sys.argv
# Of a call that is made more often, so many of its occurrences are chosen, evenly.
MOST_CHANGES, MOST_READS = (4, 1) if SHORT else (sys.maxsize, sys.maxsize)
WORK = pathlib.Path(tempfile.mkdtemp(prefix="prove-kills."))
OWNER = ["--user", "u", "--session", "s", "--conversation", "c"]
ENVIRONMENT = dict(os.environ, MEDIA_HISTORY_KEY="0123456789abcdef0123456789abcdef", HOME=str(WORK))
# New names of processes and nothing of the machine's in /proc.
OWN_SPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def history():
    numbers = random.Random(7)
    lines = []
    for n in range(6):
        url = "data:image/png;base64," + base64.b64encode(numbers.randbytes(3000 + n)).decode()
        lines.append(json.dumps({"n": n, "text": "before", "url": url}) + "\n")
    return "".join(lines)


def command(what, path):
    arguments = ["history", what, "store", str(path), "--hot", "--quiet", *OWNER]
    return [MEDIA, *arguments, *(["--threshold", "0"] if what == "slim" else [])]


def run(arguments, **options):
    return subprocess.run(arguments, cwd=WORK, env=ENVIRONMENT, capture_output=True, text=True, **options)


def done(arguments):
    ended = run(arguments)
    assert ended.returncode == 0, (arguments, ended)
    return ended


def traced(arguments, injection=None):
    names = ",".join("?" + name for name in CHANGES + READS)
    tracer = ["strace", "-f", "-qq", "-o", str(WORK / "log"), "-e", f"trace={names}"]
    if injection:
        name, number = injection
        tracer += ["-e", f"inject={name}:signal=SIGKILL:when={number}"]
    return run([*OWN_SPACE, *tracer, *arguments])


def points(log):
    """Of each call, how often a thread makes it, since strace counts by thread: those chosen, and the count of all."""
    counts = collections.Counter()
    for line in log.splitlines():
        if found := re.match(r"(\d+) +(\w+)\(", line):
            counts[found[2], found[1]] += 1
    most = collections.Counter()
    for (name, _), count in counts.items():
        most[name] = max(most[name], count)
    counted = sum(most.values())
    chosen = []
    for name, count in sorted(most.items()):
        limit = min(count, MOST_CHANGES if name in CHANGES else MOST_READS)
        chosen += [(name, 1 + at * count // limit) for at in range(limit)]
    return chosen, counted


def is_slim(text):
    return text.count(";base64,media-ref:v1:") == 6 and len(text.splitlines()) == 6


def main():
    OLD = history()
    path = WORK / "k" / "history.jsonl"
    path.parent.mkdir()
    (WORK / "empty").write_bytes(b"x")
    done([MEDIA, "put", "store", "empty", "--create", "--quiet", "--user", "v", "--session", "s", "--conversation", "c"])
    for what in ["slim", "fatten"]:
        before = OLD
        path.write_text(OLD)
        if what == "fatten":
            done(command("slim", path))
            before = path.read_text()
        ended = traced(command(what, path))
        assert ended.returncode == 0, ended
        calls, counted = points((WORK / "log").read_text())
        killed = collections.Counter()
        for name, number in calls:
            path.write_text(before)
            ended = traced(command(what, path), (name, number))
            text = path.read_text()
            is_old = text == before
            is_new = is_slim(text) if what == "slim" else text == OLD
            assert is_old or is_new, f"{what}, {name} {number}: the history is damaged"
            if is_slim(text):
                done([MEDIA, "history", "check", "store", str(path), "--user", "u"])
            killed["finished" if ended.returncode == 0 else "old" if is_old else "new"] += 1
            done(command(what, path))
            after = path.read_text()
            assert (is_slim(after) if what == "slim" else after == OLD), f"{what}, {name} {number}: not finished"
            if what == "slim":
                whole = WORK / "whole"
                whole.unlink(missing_ok=True)
                done([*command("fatten", path), "-O", str(whole)])
                assert whole.read_text() == OLD, f"{what}, {name} {number}: does not come back"
            left = os.listdir(path.parent)
            assert left == [path.name], f"{what}, {name} {number}: {left}"
        print(f"ok: {what} killed at {len(calls)} of {counted} calls: {killed['old']} times the old history, "
              f"{killed['new']} times the new one, {killed['finished']} times it had ended; nothing else")


try:
    main()
finally:
    shutil.rmtree(WORK)
