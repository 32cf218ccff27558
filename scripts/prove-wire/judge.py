"""Reads what a proxy recorded and holds it against the manifest of what was to be sent.

    judge.py MANIFEST FLOWS...

Runs in the proxy's own Python. Knows nothing of the code that made the requests.
"""

import base64
import email.parser
import email.policy
import hashlib
import json
import sys

from mitmproxy import io
from mitmproxy.http import HTTPFlow


def take_media(value, found):
    """Empties the strings that carry base64 and collects it."""
    if isinstance(value, list):
        return [take_media(item, found) for item in value]
    if not isinstance(value, dict):
        return value
    taken = {}
    for name, field in value.items():
        if isinstance(field, str) and field.startswith("data:"):
            head, _, text = field.partition(",")
            found.append(text)
            field = head + ","
        elif name == "data" and isinstance(field, str):
            found.append(field)
            field = ""
        taken[name] = take_media(field, found)
    return taken


def decode(text):
    if len(text) % 4:
        raise ValueError("base64 without its padding")
    standard = text.replace("-", "+").replace("_", "/")
    return base64.b64decode(standard, validate=True)


def parts_of(kind, body):
    """Files and fields of a multipart body, by the standard library's parser."""
    head = f"content-type: {kind}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    files, fields = [], {}
    for part in message.iter_parts():
        if part.get_filename() is None:
            text = part.get_payload(decode=True).decode()
            fields[part.get_param("name", header="content-disposition")] = text
    # The parser changes line ends in bytes that look like text, so files are cut out by hand.
    boundary = b"--" + message.get_boundary().encode()
    for part in body.split(boundary)[1:-1]:
        start, _, content = part.partition(b"\r\n\r\n")
        if b"filename=" in start:
            files.append(content.removesuffix(b"\r\n"))
    return files, fields


def complaints(expected, flow):
    request = flow.request
    body = request.raw_content
    kind = request.headers.get("content-type", "")
    if request.headers.get_all("content-length") != [str(len(body))]:
        yield "the declared length is not the length"
    if "transfer-encoding" in request.headers:
        yield "sent in chunks"
    if flow.response is None or flow.response.status_code != 200:
        yield "it was not answered"
    if expected["body"] not in (None, hashlib.sha256(body).hexdigest()):
        yield "the peer read other bytes"
    if kind.startswith("multipart/"):
        media, around = parts_of(kind, body)
    else:
        found = []
        around = take_media(json.loads(body), found)
        media = [decode(text) for text in found]
    hashes = [hashlib.sha256(item).hexdigest() for item in media]
    if hashes != [expected["media"]]:
        yield "the media is not what is stored"
    if around != expected["around"]:
        yield f"around the media stands {json.dumps(around)[:500]}"


def main(manifest, *recordings):
    with open(manifest, encoding="utf-8") as lines:
        # U+2028 is no end of a line here.
        wanted = [json.loads(line) for line in lines.read().split("\n") if line]
    flows = {}
    for recording in recordings:
        with open(recording, "rb") as file:
            for flow in io.FlowReader(file).stream():
                if isinstance(flow, HTTPFlow):
                    case = flow.request.headers.get("x-case")
                    flows.setdefault(case, []).append(flow)
    wrong = 0
    for expected in wanted:
        case = expected["case"]
        seen = flows.pop(case, [])
        said = [f"recorded {len(seen)} times"] if len(seen) != 1 else []
        for flow in seen:
            said.extend(complaints(expected, flow))
        for complaint in said:
            print(f"WRONG {case}: {complaint}")
        wrong += bool(said)
    for case in flows:
        print(f"WRONG {case}: not in the manifest")
        wrong += 1
    print(f"{len(wanted) - wrong} of {len(wanted)} requests are exact on the wire")
    return 1 if wrong or not wanted else 0


sys.exit(main(*sys.argv[1:]))
