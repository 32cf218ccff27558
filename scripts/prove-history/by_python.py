"""What the same work takes in Python: json and base64, written to files by hash."""

import base64
import hashlib
import json
import os
import statistics
import tempfile
import time

IMAGES, SIZE, ROUNDS = 20, 1_000_000, 5


def externalize(text, directory):
    history = json.loads(text)
    for message in history["messages"]:
        for part in message["content"]:
            data = base64.b64decode(part["image_url"]["url"].split(",", 1)[1], validate=True)
            name = hashlib.sha256(data).hexdigest()
            with open(os.path.join(directory, name + ".new"), "wb") as file:
                file.write(data)
            os.rename(os.path.join(directory, name + ".new"), os.path.join(directory, name))
            part["image_url"]["url"] = name
    return json.dumps(history)


def restore(text, directory):
    history = json.loads(text)
    for message in history["messages"]:
        for part in message["content"]:
            name = part["image_url"]["url"]
            with open(os.path.join(directory, name), "rb") as file:
                data = file.read()
            assert hashlib.sha256(data).hexdigest() == name
            part["image_url"]["url"] = "data:image/png;base64," + base64.b64encode(data).decode()
    return json.dumps(history)


def main():
    there, back = [], []
    for _ in range(ROUNDS):
        url = lambda: "data:image/png;base64," + base64.b64encode(os.urandom(SIZE)).decode()
        part = lambda: {"type": "image_url", "image_url": {"url": url()}}
        messages = [{"role": "user", "content": [part()]} for _ in range(IMAGES)]
        text = json.dumps({"messages": messages})
        with tempfile.TemporaryDirectory() as directory:
            start = time.perf_counter()
            slim = externalize(text, directory)
            there.append(time.perf_counter() - start)
            start = time.perf_counter()
            assert restore(slim, directory) == text
            back.append(time.perf_counter() - start)
    rate = lambda times: IMAGES * SIZE / statistics.median(times) / 1e6
    print(f"Python, json and base64, out  {rate(there):7.0f} MB/s")
    print(f"Python, json and base64, back {rate(back):7.0f} MB/s")


main()
