"""Turns with images at a server that refuses them, in ten ways and at four APIs, and at one whose errors only
look like it. The server is llmock, which is not ours; its journal and its verdict are what is judged.

usage: refusals.py LLMOCK PROVE_REFUSALS
"""

import base64
import binascii
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from cases import case, finish

# How many images are taken, a status, and what the server says. Words that may mean one of several images are
# believed once each half of them was refused by itself.
MAY_MEAN_ONE = ["Images are not supported here", "vision is not enabled for this model"]
REFUSALS = [
    (0, 404, "No endpoints found that support image input"),
    (0, 400, "Invalid content type. image_url is only supported by certain models."),
    (0, 422, "This model does not support image input"),
    (0, 500, "image input is not supported - hint: provide the mmproj"),
    (0, 415, "Images are not supported here"),
    (0, 501, "vision is not enabled for this model"),
    (0, 400, "llama3 is a text-only model and takes no images"),
    (1, 400, "At most 1 image(s) may be provided in one request."),
    (2, 400, "You sent 5 images; the maximum number of images is 2"),
    (3, 422, "more than 3 images are refused"),
]
# Statuses, codes and words of errors that are about something else.
ALIKE = [
    (429, "rate_limit_exceeded", "Rate limit reached for images per minute"),
    (400, None, "This model's maximum context length is 8192 tokens; your images use 9000"),
    (500, "server_error", "Internal error in the image-service"),
    (500, None, "The server had an error while handling an image request"),
    (400, "moderation_blocked", "Your image was blocked by the safety system"),
    (401, "invalid_api_key", "Invalid key: image input is not supported"),
    (402, None, "Images are not supported without credit"),
    (404, "model_not_found", "The model gpt-image-1 does not exist"),
    (400, None, "Invalid value for tools[0].function.name: generate_image"),
    (503, None, "image workers are not available"),
    (413, "rate_limit_exceeded", "Request too large: tokens per minute (TPM), Limit 30000, Requested 40000"),
    (413, None, "This model's maximum context length is 8192 tokens"),
]
APIS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/anthropic/v1/messages",
    "gemini": "/gemini/*",
}
SIGNATURE = b"\x89PNG\r\n\x1a\n"
FIRST = ["old-1", "old-2", "old-3", "old-4", "new"]
SECOND = ["newest"]


class Server:
    def __init__(self, program):
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        command = [program, "serve", "--port", str(port), "--log-level", "error"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                self.ask("GET", "scenario")
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("llmock did not start")

    def ask(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{self.url}/_llmock/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def refuse(self, path, status, code, message, times):
        self.ask("POST", "reset")
        fail = {"type": "fail", "status": status, "message": message, "times": times, "match": {"path": path}}
        if code:
            fail["code"] = code
        self.ask("POST", "scenario", {"behaviors": [fail]})

    def stop_refusing(self):
        self.ask("DELETE", "scenario")

    def requests(self):
        return self.ask("GET", "requests")["requests"]


def images(value):
    """Yields the names of the images in a request."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from images(inner)
    elif isinstance(value, str):
        text = value.rsplit(",", 1)[-1].replace("-", "+").replace("_", "/")
        try:
            found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            return
        if found.startswith(SIGNATURE):
            yield found[len(SIGNATURE) :].split(b";")[0].decode()


def turn(program, api, url, directory, names):
    """Returns what a process of its own prints for a turn."""
    command = [program, api, url, str(directory), *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return done.stdout.strip()


def expect(is_so, what):
    if not is_so:
        raise AssertionError(what)
    return True


def refused(server, program, api, most, status, message, directory):
    times = 3 if message in MAY_MEAN_ONE else 1
    server.refuse(APIS[api], status, None, message, times)
    answer = turn(program, api, server.url, directory, FIRST)
    expect(answer.startswith("answer: ") and len(answer) > 8, answer)
    asked = server.requests()
    expect([one["status"] for one in asked] == [status] * times + [200], asked)
    sent = [list(images(one["body"])) for one in asked]
    expect(sent[0] == FIRST and len(sent[-1]) <= most, sent)
    expect(len({tuple(names) for names in sent}) == len(sent), sent)
    expect(most == 0 or "new" in sent[-1], sent)
    # A process that knows of the refusal from the state alone.
    answer = turn(program, api, server.url, directory, SECOND)
    expect(answer.startswith("answer: "), answer)
    last = server.requests()[times + 1 :]
    expect([one["status"] for one in last] == [200], last)
    expect(len(list(images(last[0]["body"]))) <= most, last)
    expect(most == 0 or "newest" in images(last[0]["body"]), last)
    verdict = server.ask("GET", "verdict")
    return expect(verdict["passed"] and verdict["faults_injected"] == times, verdict)


def alike(server, program, api, status, code, message, directory):
    server.refuse(APIS[api], status, code, message, None)
    answer = turn(program, api, server.url, directory, FIRST)
    expect(answer.startswith("error: "), answer)
    asked = server.requests()
    expect([one["status"] for one in asked] == [status], asked)
    server.stop_refusing()
    # The same images once more: none of them may have become one that is not sent.
    answer = turn(program, api, server.url, directory, FIRST)
    expect(answer.startswith("answer: "), answer)
    last = server.requests()[1:]
    expect([one["status"] for one in last] == [200], last)
    sent = list(images(last[0]["body"]))
    # A message that was called invalid is no part of later requests; with 413, it depends on the words.
    before = {400: [[]], 413: [[], FIRST]}.get(status, [FIRST])
    return expect(sent in [old + FIRST for old in before], sent)


def main():
    llmock, program = sys.argv[1:]
    server = Server(llmock)
    try:
        with tempfile.TemporaryDirectory() as work:
            for api in APIS:
                for at, (most, status, message) in enumerate(REFUSALS):
                    place = pathlib.Path(work, f"{api}-refused-{at}")
                    place.mkdir()
                    what = f"llmock, {api}, {status} {message}"
                    case(what, lambda: refused(server, program, api, most, status, message, place))
                for at, (status, code, message) in enumerate(ALIKE):
                    place = pathlib.Path(work, f"{api}-alike-{at}")
                    place.mkdir()
                    what = f"llmock, {api}, only alike: {status} {message}"
                    case(what, lambda: alike(server, program, api, status, code, message, place))
    finally:
        server.process.kill()
        server.process.wait()
    finish("turns at llmock, which refuses images or only seems to", "as expected")


if __name__ == "__main__":
    main()
