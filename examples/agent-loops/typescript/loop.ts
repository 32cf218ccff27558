// A loop in TypeScript whose history holds no media: `media history` takes it out and puts it back.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import OpenAI from "openai";

type Message = OpenAI.Chat.ChatCompletionMessageParam;
type Part = OpenAI.Chat.ChatCompletionContentPart;

const owner = ["--user", "user123", "--session", "session-1", "--conversation", "chat-1"];

/** Takes the media of messages out (`slim`) or puts it back (`fatten`). */
function media(direction: "slim" | "fatten", messages: Message[]): Message[] {
  const args = ["history", direction, "--quiet", ...owner, "media", "-"];
  const options = { input: JSON.stringify(messages), maxBuffer: 2 ** 30 };
  return JSON.parse(execFileSync("media", args, options).toString());
}

const client = new OpenAI();
const url = "data:image/png;base64," + readFileSync(process.argv[2]!).toString("base64");
let images: Part[] = [{ type: "image_url", image_url: { url } }];
const messages: Message[] = [];
for (const question of ["What is in this photo?", "Are you sure?"]) {
  const content: Part[] = [{ type: "text", text: question }, ...images];
  images = [];
  messages.push(...media("slim", [{ role: "user", content }]));
  const whole = media("fatten", messages);
  const response = await client.chat.completions.create({ model: "gpt-5.4", messages: whole });
  const answer = response.choices[0]?.message.content ?? "";
  console.log(answer);
  messages.push({ role: "assistant", content: answer });
  writeFileSync("history.json", JSON.stringify(messages));
}
