#!/usr/bin/env python3
"""Takes the steps of the chat service's Dockerfile where no container engine runs, then starts the result.

The first stage is built from what the image's context holds, the second is a root directory with what it
copies, the libraries that the program loads, and certificates. The program is started in there as the
image's user with the image's variables; it must be ready, serve its page, write only to its volume, and end
with 0 on SIGTERM. Packages are not installed: the stages get those of this machine.

usage: scripts/run-image-steps.py
Needs Linux and root (for the root directory and the user). Minutes: the program is built for release.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "examples/chat-service/Dockerfile"
PORT = re.compile(r":\d+$")


def fail(text):
    sys.exit(f"image: {text}")


def stages():
    """The instructions of each stage, as pairs of their name and the rest."""
    text = "\n".join(l for l in DOCKERFILE.read_text().splitlines() if not l.startswith("#"))
    found = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip():
            continue
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest.strip()))
    return found


def without_packages(command):
    """A command without what installs packages."""
    parts = [part.strip() for part in command.split("&&")]
    return " && ".join(p for p in parts if not re.match(r"apt-get |rm -rf /var/lib/apt", p))


def build(stage, work):
    """Takes the steps of the first stage; paths of the image are below the working directory."""
    source = work / "source"
    source.mkdir()
    context = Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    allowed = tuple(line[1:] for line in context if line.startswith("!"))
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in files.decode().split("\0"):
        if any(f"{name}/".startswith(f"{place}/") for place in allowed) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    target.mkdir(exist_ok=True)
    (source / "target").symlink_to(target)
    environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
    for name, rest in stage:
        if name == "RUN" and (command := without_packages(rest)):
            command = command.replace(" /out/", f" {work}/out/")
            subprocess.run(["sh", "-ec", command], cwd=source, env=environment, check=True)


def libraries(program):
    """The files that a program loads."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def assemble(stage, work):
    """Makes the root directory of the second stage. Returns its user, variables and entry point."""
    root, user, variables, entry = work / "root", None, {}, None
    for name, rest in stage:
        words = rest.split()
        if name == "COPY":
            options = {w.split("=")[0]: w.split("=")[1] for w in words if w.startswith("--")}
            source, goal = [w for w in words if not w.startswith("--")]
            source, goal = work / source.lstrip("/"), root / goal.lstrip("/")
            goal.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, goal)
            if "--chown" in options:
                os.chown(goal, *map(int, options["--chown"].split(":")))
        elif name == "USER":
            user = rest
        elif name == "ENV":
            variables.update(word.split("=", 1) for word in words)
        elif name == "ENTRYPOINT":
            entry = rest.strip("[]").replace('"', "").split(", ")
    if not user or user.split(":")[0] in ("0", "root"):
        fail("the program would run as root")
    for library in libraries(root / entry[0].lstrip("/")):
        goal = root / library.lstrip("/")
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, goal)
    if Path("/etc/ssl/certs").is_dir():
        shutil.copytree("/etc/ssl/certs", root / "etc/ssl/certs", symlinks=False, ignore_dangling_symlinks=True)
    return root, user, variables, entry


def answers(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return response.status, response.read()


def run(root, user, variables, entry):
    """Starts the program as the image does, looks at it, and ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables["LISTEN"] = PORT.sub(f":{port}", variables["LISTEN"])
    # As an engine does: with a /proc that belongs to its root.
    uid, gid = user.split(":")
    (root / "proc").mkdir()
    contain = [shutil.which("unshare"), "--mount", f"--root={root}", "--wd=/", "--mount-proc"]
    contain += [f"--setuid={uid}", f"--setgid={gid}"]
    before = {path for path in root.rglob("*") if root / "data" not in path.parents}
    process = subprocess.Popen(contain + entry, env=variables, stdin=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if process.poll() is not None:
                fail(f"the program ended with {process.returncode} at its start")
            try:
                if answers(port, "/readyz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        else:
            fail("the program was not ready in 30 s")
        status, page = answers(port, "/")
        if status != 200 or b"<html" not in page:
            fail("the page is not served")
        process.send_signal(signal.SIGTERM)
        if (code := process.wait(timeout=60)) != 0:
            fail(f"it ended with {code} on SIGTERM")
    finally:
        if process.poll() is None:
            process.kill()
    written = [path for path in (root / "data").rglob("*")]
    if not written:
        fail("nothing was written to the volume")
    after = {path for path in root.rglob("*") if root / "data" not in path.parents}
    if after != before:
        fail(f"written outside of the volume: {sorted(map(str, after - before))[:3]}")


def main():
    if sys.platform != "linux" or os.geteuid() != 0:
        fail("NOT RUN: needs Linux and root")
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        work.chmod(0o755)
        first, second = stages()
        build(first, work)
        root, user, variables, entry = assemble(second, work)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        run(root, user, variables, entry)
        print(f"image: built, ready, ended; user {user}, {size // 1_000_000} MB beside its base")


main()
