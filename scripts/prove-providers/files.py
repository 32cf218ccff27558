"""The official clients upload, name and delete files at the servers with which tests of files work.

usage: files.py TEST_SERVER
"""

import io
import struct
import subprocess
import sys
import zlib

import anthropic
from google import genai

from cases import case, finish


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\0\0\0\0")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class Server:
    def __init__(self, api):
        command = [sys.argv[1], "llm", "--api", api]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.url = line.removeprefix("listening on ").strip().rsplit("/", 1)[0]

    def end(self):
        self.process.terminate()
        return self.process.communicate()[0].strip()


def refused(act, status):
    try:
        act()
    except (anthropic.APIStatusError, genai.errors.APIError) as error:
        return getattr(error, "status_code", getattr(error, "code", None)) == status
    return False


def anthropic_files():
    server = Server("anthropic")
    client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
    image = png()
    file = client.files.upload(file=("a.png", io.BytesIO(image), "image/png"))
    case("anthropic, upload", lambda: (file.filename, file.mime_type, file.size_bytes) == ("a.png", "image/png", len(image)))
    case("anthropic, metadata", lambda: client.files.retrieve_metadata(file.id).id == file.id)

    def ask():
        source = {"type": "file", "file_id": file.id}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "see"}]
        return client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": content}])

    case("anthropic, a request that names it", lambda: ask().content[0].text == "done")
    case("anthropic, delete", lambda: client.files.delete(file.id).id == file.id)
    case("anthropic, a request that names what is gone", lambda: refused(ask, 400))
    case("anthropic, delete again", lambda: refused(lambda: client.files.delete(file.id), 404))
    case("anthropic, nothing is left", lambda: server.end() == "1 requests accepted, 0 files left")


def gemini_files():
    server = Server("gemini")
    client = genai.Client(api_key="k", http_options={"base_url": server.url})
    image = png()
    config = {"mime_type": "image/png", "display_name": "a.png"}
    file = client.files.upload(file=io.BytesIO(image), config=config)
    case("gemini, upload", lambda: (file.display_name, file.mime_type, file.size_bytes) == ("a.png", "image/png", len(image)))

    def ask():
        part = genai.types.Part.from_uri(file_uri=file.uri, mime_type="image/png")
        return client.models.generate_content(model="m", contents=[part, "see"])

    case("gemini, a request that names what is not ready", lambda: refused(ask, 400))
    case("gemini, ready", lambda: client.files.get(name=file.name).state.name == "ACTIVE")
    case("gemini, a request that names it", lambda: ask().text == "done")
    case("gemini, delete", lambda: client.files.delete(name=file.name) is not None)
    case("gemini, delete again", lambda: refused(lambda: client.files.delete(name=file.name), 403))
    case("gemini, nothing is left", lambda: server.end() == "1 requests accepted, 0 files left")


anthropic_files()
gemini_files()
finish("official clients keep files at our servers", "cases")
