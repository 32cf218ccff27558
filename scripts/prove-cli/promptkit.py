"""A directory in PromptKit's form: states that name media by key, by id and by a path that was moved.

    promptkit.py make DIR SEED    writes it
    promptkit.py check OUT        reads what the import said: all media was found
    promptkit.py same TAR SEED    reads an export: each conversation names the bytes of its own files, in their order
"""
import hashlib
import json
import os
import struct
import sys
import tarfile
import zlib

SESSIONS = 4


def png(seed):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 16
    rows = b"".join(b"\0" + bytes((x * seed + y) & 255 for x in range(side * 3)) for y in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def picture(seed, session, n):
    return png(seed * 100 + session * 10 + n)


def make(directory, seed):
    for session in range(SESSIONS):
        inside = f"session-{session}/conv-{session}"
        os.makedirs(f"{directory}/{inside}")
        parts = [{"type": "text", "text": "Look."}]
        names = [f"{seed}a{session}", f"{seed}b{session}", "photo"]
        references = [
            f"{inside}/{names[0]}.png",
            {"ID": names[1], "Backend": "file"},
            # The same name in each session.
            {"ID": "x", "Metadata": {"path": f"/moved/away/{inside}/photo.png"}},
        ]
        for n, (name, reference) in enumerate(zip(names, references)):
            with open(f"{directory}/{inside}/{name}.png", "wb") as file:
                file.write(picture(seed, session, n))
            with open(f"{directory}/{inside}/{name}.png.meta", "w") as file:
                file.write("{}")
            media = {"mime_type": "image/png", "storage_reference": reference}
            parts.append({"type": "image", "media": media})
        messages = [{"role": "user", "parts": parts}, {"role": "assistant", "content": "Four squares."}]
        with open(f"{directory}/conv-{session}.json", "w") as file:
            json.dump({"id": f"conv-{session}", "user_id": "kit", "messages": messages}, file)


def check(out):
    text, decoder, at, said = open(out).read(), json.JSONDecoder(), 0, []
    while text[at:].strip():
        while text[at].isspace():
            at += 1
        one, at = decoder.raw_decode(text, at)
        said.append(one)
    assert len(said) == SESSIONS, said
    assert all(one["added"] > 0 and one["missing"] == 0 for one in said), said


def named(value, media):
    """The digests of the media that a value names, in its order."""
    if isinstance(value, str):
        return [media[value]] if value in media else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [digest for one in inner for digest in named(one, media)]


def same(archive, seed):
    media, found = {}, {}
    with tarfile.open(archive) as tar:
        # Media comes before the conversations.
        for member in tar:
            place, _, name = member.name.partition("/")
            if place == "media":
                media[name] = hashlib.sha256(tar.extractfile(member).read()).hexdigest()
            elif place == "conversations":
                head, *lines = [json.loads(line) for line in tar.extractfile(member)]
                found[head["record"]["id"]] = named([line["message"] for line in lines], media)
    wanted = {
        f"conv-{session}": [hashlib.sha256(picture(seed, session, n)).hexdigest() for n in range(3)]
        for session in range(SESSIONS)
    }
    assert found == wanted, (found, wanted)
    assert len({digest for digests in wanted.values() for digest in digests}) == 3 * SESSIONS, wanted


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "same":
        same(sys.argv[2], int(sys.argv[3]))
    else:
        check(sys.argv[2])
