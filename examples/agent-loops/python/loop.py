"""A loop in Python whose history holds no media: `media history` takes it out and puts it back."""

import base64
import json
import subprocess
import sys

from openai import OpenAI

OWNER = ["--user", "user123", "--session", "session-1", "--conversation", "chat-1"]


def media(direction, messages):
    """Takes the media of messages out (`slim`) or puts it back (`fatten`)."""
    command = ["media", "history", direction, "--quiet", *OWNER, "media", "-"]
    text = json.dumps(messages).encode()
    return json.loads(subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout)


def main(photo):
    client = OpenAI()
    with open(photo, "rb") as file:
        url = "data:image/png;base64," + base64.b64encode(file.read()).decode()
    images = [{"type": "image_url", "image_url": {"url": url}}]
    messages = []
    for question in ["What is in this photo?", "Are you sure?"]:
        content = [{"type": "text", "text": question}, *images]
        images = []
        messages += media("slim", [{"role": "user", "content": content}])
        response = client.chat.completions.create(model="gpt-5.4", messages=media("fatten", messages))
        answer = response.choices[0].message.content
        print(answer)
        messages.append({"role": "assistant", "content": answer})
        with open("history.json", "w") as file:
            json.dump(messages, file)


main(sys.argv[1])
