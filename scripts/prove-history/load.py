"""Writes histories with the libraries that own their forms, and loads them back.

    load.py write DIR    one file for each library
    load.py read DIR     the restored and the slim form of each file

Libraries that keep media as strings must load both forms, and read the same text from the slim one but
for the placeholder. Libraries that decode when they load must refuse the slim form, not misread it.
"""

import base64
import json
import pathlib
import sys

IMAGE = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256)) * 8
PLACEHOLDER = "media-ref:v1:"


def standard(data=IMAGE):
    return base64.b64encode(data).decode()


def openai_chat():
    from openai.types.chat import ChatCompletionUserMessageParam
    from pydantic import TypeAdapter

    adapter = TypeAdapter(list[ChatCompletionUserMessageParam])
    url = "data:image/png;base64," + standard()
    value = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    load = lambda text: adapter.validate_json(text)
    # Lazy iterators are read to see what they hold.
    media = lambda loaded: list(loaded[0]["content"])[0]["image_url"]["url"]
    return json.dumps(value), load, media, url, True


def anthropic_messages():
    from anthropic.types import ImageBlockParam
    from pydantic import TypeAdapter

    adapter = TypeAdapter(ImageBlockParam)
    source = {"type": "base64", "media_type": "image/png", "data": standard()}
    text = json.dumps({"type": "image", "source": source})
    return text, adapter.validate_json, lambda loaded: loaded["source"]["data"], standard(), True


def google_genai():
    from google.genai import types

    part = types.Part.from_bytes(data=IMAGE, mime_type="image/png")
    text = types.Content(role="user", parts=[part]).model_dump_json(exclude_none=True)
    load = types.Content.model_validate_json
    return text, load, lambda loaded: loaded.parts[0].inline_data.data, IMAGE, False


def langchain():
    from langchain_core.messages import HumanMessage, messages_from_dict, messages_to_dict

    block = {"type": "image", "base64": standard(), "mime_type": "image/png"}
    text = json.dumps(messages_to_dict([HumanMessage(content=[block])]))
    load = lambda text: messages_from_dict(json.loads(text))
    return text, load, lambda loaded: loaded[0].content[0]["base64"], standard(), True


def pydantic_ai():
    from pydantic_ai import BinaryContent
    from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest, UserPromptPart

    prompt = UserPromptPart(content=["look", BinaryContent(data=IMAGE, media_type="image/png")])
    text = ModelMessagesTypeAdapter.dump_json([ModelRequest(parts=[prompt])]).decode()
    load = ModelMessagesTypeAdapter.validate_json
    return text, load, lambda loaded: loaded[0].parts[0].content[1].data, IMAGE, False


LIBRARIES = {
    "openai": openai_chat,
    "anthropic": anthropic_messages,
    "google-genai": google_genai,
    "langchain-core": langchain,
    "pydantic-ai": pydantic_ai,
}


def main():
    what, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    failed = False
    for name, library in LIBRARIES.items():
        text, load, media, expected, keeps_strings = library()
        if what == "write":
            (directory / f"{name}.json").write_text(text)
            continue
        if media(load((directory / f"{name}.restored").read_text())) != expected:
            print(f"FAILED: {name} failed to read its restored history")
            failed = True
            continue
        slim = (directory / f"{name}.slim").read_text()
        assert PLACEHOLDER in slim, name
        try:
            held = media(load(slim))
        except Exception:
            held = None
        if keeps_strings:
            is_right = isinstance(held, str) and PLACEHOLDER in held
            says = "loads the restored history and the slim one"
        else:
            is_right = held is None
            says = "loads the restored history and refuses the slim one"
        print(f"{'ok' if is_right else 'FAILED'}: {name} {says}")
        failed |= not is_right
    sys.exit(1 if failed else 0)


main()
