// Writes a history in the form of the Vercel AI SDK and loads it back: restored, and slim.
import { convertToModelMessages } from "ai";
import { readFileSync, writeFileSync } from "node:fs";

const [what, name] = process.argv.slice(2);
const bytes = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(2048, 7)]);
const url = "data:image/png;base64," + bytes.toString("base64");
const parts = [
  { type: "text", text: "look" },
  { type: "file", mediaType: "image/png", url },
];

if (what === "write") {
  writeFileSync(name, JSON.stringify([{ id: "m1", role: "user", parts }]));
  process.exit(0);
}
const load = async (file) => {
  const [message] = await convertToModelMessages(JSON.parse(readFileSync(file, "utf8")));
  const { data } = message.content.find((part) => part.type === "file");
  // From version 7 on an object that names the form.
  return String(data.url ?? data);
};
const restored = await load(`${name}.restored`);
const slim = await load(`${name}.slim`);
const isRight = restored === url && slim.includes("media-ref:v1:");
console.log(`${isRight ? "ok" : "FAILED"}: ai loads the restored history and the slim one`);
process.exit(isRight ? 0 : 1);
