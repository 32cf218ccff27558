"""Chat Completions on a loopback port that answer only a request that has the whole photo.

    peer.py PHOTO

Prints its address. A body with a placeholder, without the photo or of unknown length is a 400.
"""

import base64
import http.server
import json
import sys

with open(sys.argv[1], "rb") as file:
    PHOTO = base64.b64encode(file.read())


class Peer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = self.headers.get("content-length")
        body = self.rfile.read(int(length)) if length else b""
        wrong = [] if length else ["the length is not known"]
        if b"media-ref:" in body:
            wrong.append("a placeholder is in the request")
        if body.count(PHOTO) != 1:
            wrong.append(f"the photo is in the request {body.count(PHOTO)} times")
        if not self.path.endswith("/chat/completions"):
            wrong.append(f"{self.path} is not here")
        said = f"a photo, seen in {len(json.loads(body)['messages'])} messages" if not wrong else ""
        message = {"role": "assistant", "content": said, "refusal": None}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-5.4",
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        text = json.dumps({"error": {"message": "; ".join(wrong)}} if wrong else answer).encode()
        self.send_response(400 if wrong else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()
