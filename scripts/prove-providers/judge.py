"""The official clients read the answers with which the tests of providers work.

A server on loopback gives each recorded or made answer, and each error body, to the client of its
vendor. What the client makes of it is compared with what the tests expect of our providers.

usage: judge.py FOLDER_OF_GOLDEN_FILES
"""

import base64
import http.server
import json
import sys
import threading
from pathlib import Path

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors

from cases import case, finish

GOLDEN = Path(sys.argv[1])
ANSWER = {"status": 200, "type": "text/event-stream", "body": b""}


class Peer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(ANSWER["status"])
        self.send_header("content-type", ANSWER["type"])
        self.send_header("content-length", str(len(ANSWER["body"])))
        self.end_headers()
        self.wfile.write(ANSWER["body"])

    def log_message(self, *_):
        pass


def answer(body, status=200, kind="application/json"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    ANSWER.update(status=status, type=kind, body=body)


def stream(name):
    answer((GOLDEN / name).read_bytes(), kind="text/event-stream")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"
OPENAI = openai.OpenAI(api_key="k", base_url=f"{URL}/v1", max_retries=0)
ANTHROPIC = anthropic.Anthropic(api_key="k", base_url=URL, max_retries=0)
GEMINI = genai.Client(api_key="k", http_options={"base_url": URL})


def responses(name, kinds, items):
    stream(name)
    last = None
    done = []
    for event in OPENAI.responses.create(model="m", input="x", stream=True):
        last = event
        if event.type == "response.output_item.done":
            done.append(event.item)
    output = last.response.output
    return (
        last.type == "response.completed"
        and [item.type for item in done] == kinds
        and len(output) == items
        and all(base64.b64decode(i.result) for i in output if i.type == "image_generation_call")
    )


def whole_response():
    answer((GOLDEN / "openai/responses_rich.answer.json").read_bytes())
    read = OPENAI.responses.create(model="m", input="x")
    return len(read.output) == 7 and read.output_text.endswith("two")


def chat_calls():
    stream("openai/chat_tools.answer.sse")
    text, calls = "", {}
    for chunk in OPENAI.chat.completions.create(model="m", messages=[], stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                calls[call.index] = calls.get(call.index, "") + (call.function.arguments or "")
    return text == "I look \U0001F600" and [json.loads(calls[n]) for n in sorted(calls)] == [{"n": 1}, {"a": "\u00e9"}]


def chat_audio():
    stream("openai/chat_audio.answer.sse")
    data, transcript, arguments, reason = "", "", "", None
    for chunk in OPENAI.chat.completions.create(model="m", messages=[], stream=True):
        for choice in chunk.choices:
            audio = (choice.delta.model_extra or {}).get("audio") or getattr(choice.delta, "audio", None) or {}
            audio = audio if isinstance(audio, dict) else audio.model_dump()
            data += audio.get("data") or ""
            transcript += audio.get("transcript") or ""
            for call in choice.delta.tool_calls or []:
                arguments += call.function.arguments or ""
            reason = choice.finish_reason or reason
    return (
        base64.b64decode(data) == bytes(range(256)) * 2
        and transcript == "Hello"
        and json.loads(arguments) == {"n": 1}
        and reason == "stop"
    )


IMAGES = [base64.b64decode(image["b64_json"]) for image in json.loads((GOLDEN / "openai/images.answer.json").read_bytes())["data"]]
PNG = ("a.png", IMAGES[0], "image/png")


def generate():
    return OPENAI.images.generate(model="m", prompt="x")


def edit():
    return OPENAI.images.edit(model="m", prompt="x", image=[PNG, PNG], mask=PNG)


def images(make):
    answer((GOLDEN / "openai/images.answer.json").read_bytes())
    made = make()
    found = [base64.b64decode(image.b64_json) for image in made.data]
    usage = made.usage
    return found == IMAGES and (usage.input_tokens, usage.output_tokens, usage.input_tokens_details.image_tokens) == (10, 20, 8)


def images_in_pieces(name, kind, make):
    stream(name)
    events = list(make())
    found = [base64.b64decode(event.b64_json) for event in events]
    kinds = [event.type for event in events]
    return found == IMAGES and kinds == [f"{kind}.partial_image", f"{kind}.completed"] and events[-1].usage.output_tokens > 0


def message(name, kinds):
    stream(name)
    with ANTHROPIC.messages.stream(model="m", max_tokens=9, messages=[]) as read:
        final = read.get_final_message()
    return [block.type for block in final.content] == kinds


def contents(name, parts):
    stream(name)
    found = 0
    for chunk in GEMINI.models.generate_content_stream(model="gemini-x", contents="x"):
        found += len(chunk.candidates[0].content.parts)
        last = chunk
    return found == parts and last.candidates[0].finish_reason.name == "STOP"


def error(call, body, status, expected):
    answer(body, status)
    try:
        call()
    except expected as error:
        return type(error) is expected
    return False


def ask_anthropic():
    ANTHROPIC.messages.create(model="m", max_tokens=9, messages=[])


def ask_openai():
    OPENAI.responses.create(model="m", input="x")


def ask_gemini():
    GEMINI.models.generate_content(model="gemini-x", contents="x")


case("responses, recorded", lambda: responses("openai/responses_stream.answer.sse", ["reasoning", "image_generation_call", "message"], 4))
case("responses, rich", lambda: responses("openai/responses_rich.answer.sse", ["reasoning", "function_call", "reasoning", "function_call", "web_search_call", "message", "image_generation_call"], 7))
case("responses, complete", whole_response)
case("chat, audio in pieces", chat_audio)
case("chat, calls", chat_calls)
case("images, complete", lambda: images(generate))
case("images, edit", lambda: images(edit))
case("images, recorded stream", lambda: images_in_pieces("openai/images_stream.answer.sse", "image_generation", lambda: OPENAI.images.generate(model="m", prompt="x", stream=True)))
case("images, stream of an edit", lambda: images_in_pieces("openai/images_edit_stream.answer.sse", "image_edit", lambda: OPENAI.images.edit(model="m", prompt="x", image=PNG, stream=True)))
case("anthropic, recorded", lambda: message("anthropic/stream.answer.sse", ["thinking", "redacted_thinking", "text", "tool_use"]))
case("anthropic, rich", lambda: message("anthropic/rich.answer.sse", ["thinking", "tool_use", "thinking", "redacted_thinking", "text", "text", "server_tool_use", "web_search_tool_result", "tool_use"]))
case("gemini, recorded", lambda: contents("gemini/stream.answer.sse", 3))
case("gemini, rich", lambda: contents("gemini/rich.answer.sse", 14))

details = {"error_code": "image_dimensions_too_large", "max_side_length_pixels": 2000, "paths": ["messages.0.content.1"]}
for status, kind, extra, expected in [
    (400, "invalid_request_error", None, anthropic.BadRequestError),
    (401, "authentication_error", None, anthropic.AuthenticationError),
    (403, "permission_error", None, anthropic.PermissionDeniedError),
    (404, "not_found_error", None, anthropic.NotFoundError),
    (429, "rate_limit_error", None, anthropic.RateLimitError),
    (500, "api_error", None, anthropic.InternalServerError),
    (400, "invalid_request_error", details, getattr(anthropic, "ImageDimensionsTooLargeError", None)),
]:
    body = {"type": "error", "error": {"type": kind, "message": "m"}, "request_id": "req_1"}
    if extra:
        body["error"]["details"] = extra
    if expected:
        case(f"anthropic, {kind}", lambda: error(ask_anthropic, body, status, expected))
for status, code, expected in [
    (400, "invalid_image", openai.BadRequestError),
    (400, "previous_response_not_found", openai.BadRequestError),
    (401, "invalid_api_key", openai.AuthenticationError),
    (429, "rate_limit_exceeded", openai.RateLimitError),
    (500, "server_error", openai.InternalServerError),
]:
    body = {"error": {"message": "m", "type": "invalid_request_error", "param": None, "code": code}}
    for what, ask in [("openai", ask_openai), ("images", generate), ("images, edit", edit)]:
        case(f"{what}, {code}", lambda: error(ask, body, status, expected))
for status, name, expected in [
    (400, "INVALID_ARGUMENT", genai_errors.ClientError),
    (429, "RESOURCE_EXHAUSTED", genai_errors.ClientError),
    (503, "UNAVAILABLE", genai_errors.ServerError),
]:
    body = {"error": {"code": status, "status": name, "message": "m", "details": []}}
    case(f"gemini, {name}", lambda: error(ask_gemini, body, status, expected))

finish("official clients", "answers read as expected")
