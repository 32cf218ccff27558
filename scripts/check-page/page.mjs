// What a person does with the page. Arguments: the address, and a directory for screenshots.
import assert from "node:assert/strict";
import fs from "node:fs";
import { Person, launch } from "./person.mjs";

const [address, shots] = process.argv.slice(2);
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
const person = await Person.in(context);
const { page, failures } = person;
const send = (text, files, how) => person.send(text, files, how);
const loaded = selector => person.loaded(selector);
const shot = name => page.screenshot({ path: `${shots}/${name}.png` });

/// A sound of 6 seconds; with another rate and more channels, a sound in a larger file.
function sound(rate = 8000, channels = 1) {
  const samples = rate * channels * 6, buffer = Buffer.alloc(44 + samples);
  buffer.write("RIFF", 0); buffer.writeUInt32LE(36 + samples, 4); buffer.write("WAVEfmt ", 8);
  buffer.writeUInt32LE(16, 16); buffer.writeUInt16LE(1, 20); buffer.writeUInt16LE(channels, 22);
  buffer.writeUInt32LE(rate, 24); buffer.writeUInt32LE(rate * channels, 28);
  buffer.writeUInt16LE(channels, 32); buffer.writeUInt16LE(8, 34);
  buffer.write("data", 36); buffer.writeUInt32LE(samples, 40);
  for (let i = 0; i < samples; i++) buffer[44 + i] = 128 + 60 * Math.sin(i / 6);
  return { name: "tone.wav", mimeType: "audio/wav", buffer };
}

await page.goto(address);
await shot("1-empty");
await send("What is in this photo?", [await person.photo()], { dropped: true });
await loaded(".message.user img");
await shot("2-answered");

// The history shows a thumbnail, which opens the original.
await page.reload();
await loaded(".message.user img");
const image = await page.evaluate(() => {
  const image = document.querySelector(".message.user img");
  return { width: image.naturalWidth, height: image.naturalHeight, src: image.src, original: image.closest("a").href };
});
assert.deepEqual([image.width, image.height], [640, 480]);
assert.notEqual(image.src, image.original);
const sizes = await page.evaluate(urls => Promise.all(urls.map(async url => {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  return [bitmap.width, bitmap.height];
})), [image.src, image.original]);
assert.deepEqual(sizes, [[640, 480], [1600, 1200]]);

// A sound and a video are played from their middle.
const seek = (kind, second) => page.evaluate(async ([kind, second]) => {
  const player = [...document.querySelectorAll(`.message ${kind}`)].at(-1);
  if (player.readyState < 1) await new Promise(done => player.addEventListener("loadedmetadata", done));
  const done = new Promise(done => player.addEventListener("seeked", done));
  player.currentTime = second;
  await done;
  return { duration: Math.round(player.duration), at: player.currentTime, pixels: player.videoWidth ?? 0 };
}, [kind, second]);
await send("And what is this?", [sound()]);
assert.deepEqual(await seek("audio", 4), { duration: 6, at: 4, pixels: 0 });
await send("What happens here?", [await person.video()]);
const watched = await seek("video", 2);
assert.deepEqual([watched.at, watched.pixels], [2, 320]);
await shot("2-video");

// A large file goes on after a reload where it was cut, when it is attached again.
await page.evaluate(() => localStorage.clear());
const large = `${shots}/../large-${process.pid}.wav`;
// Browsers play no sound of more than some 700 kHz.
fs.writeFileSync(large, sound(500_000, 8).buffer);
const sent = [];
let cut = true, hidden = true;
await page.route("**/files/*", async route => {
  const method = route.request().method();
  if (route.request().url().endsWith("/busy")) return route.fulfill({ status: 503 });
  if (route.request().url().endsWith("/broken") || (method === "GET" && hidden)) return route.abort();
  if (method !== "PATCH") return route.continue();
  const offset = Number(route.request().headers()["upload-offset"]);
  if (cut && offset > 8e6) return route.abort();
  sent.push(offset);
  return route.continue();
});
await page.setInputFiles("#file", large);
await page.getByText(/large-\d+\.wav 3\d %/).waitFor();
const chosen = await page.evaluate(() => document.querySelector("#file").files.length);
assert.equal(chosen, 0, "the same file could not be chosen again");
// Uploads that cannot be asked for are not told, and keep no other from being told.
const lost = ["broken", "busy"];
await page.evaluate(lost => {
  for (const name of lost) localStorage.setItem(`upload:1:1:${name}.wav`, `/files/${name}`);
}, lost);
await page.reload();
await page.getByText("Attach the file again to send the rest").waitFor();
await shot("3-unfinished");
const told = await page.locator(".note").allTextContents();
assert.deepEqual(told.filter(note => /broken|busy|NaN/.test(note)), []);
await page.evaluate(lost => lost.forEach(name => localStorage.removeItem(`upload:1:1:${name}.wav`)), lost);
// One that was sent, but whose result was lost, is attached after a reload.
cut = false;
await page.setInputFiles("#file", large);
await page.getByText("Failed to fetch").waitFor();
hidden = false;
await page.reload();
await page.waitForFunction(() => document.querySelectorAll("#files > :not(.sending)").length === 1);
failures.length = 0;
await send("And this, which was sent in parts?");
assert.deepEqual(sent, [...sent].sort((a, b) => a - b), "a part was sent twice");
assert.deepEqual(sent.length, 6);
assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
await page.locator(".message.user audio").nth(1).waitFor();

// It is more than a browser reads ahead, so that its end comes by a range.
const starts = [];
const watch = response => {
  const range = /^bytes (\d+)-/.exec(response.headers()["content-range"] ?? "");
  if (response.status() === 206 && range) starts.push(Number(range[1]));
};
page.on("response", watch);
assert.deepEqual(await seek("audio", 5.5), { duration: 6, at: 5.5, pixels: 0 });
page.off("response", watch);
assert.ok(starts.some(start => start > 8e6), `the end was read by these ranges: ${starts}`);

await send("Generate a beautiful sunset over mountains");
await loaded(".message img");
assert.ok(await page.locator(".message img").count() >= 2);
await page.evaluate(() => document.querySelector("#messages").scrollTo(0, 0));
await shot("4-history");
await page.evaluate(() => document.querySelector("#messages").scrollTo(0, 1e6));
await shot("5-generated");
await page.setViewportSize({ width: 390, height: 800 });
await shot("6-phone");
await page.emulateMedia({ colorScheme: "dark" });
await page.setViewportSize({ width: 1100, height: 800 });
await shot("7-dark");

assert.deepEqual(failures, []);

// What is being sent when everything is deleted is not begun anew, here and in another window.
const other = await context.newPage();
other.setDefaultTimeout(30_000);
await other.goto(address);
const held = [];
let begun = 0;
await context.route("**/files", route => {
  begun += 1;
  return route.continue();
});
for (const window of [page, other]) {
  const arrived = new Promise(done => window.route("**/files/*", route => {
    if (route.request().method() !== "PATCH") return route.continue();
    held.push(route);
    done();
  }));
  await window.setInputFiles("#file", large);
  await arrived;
}
const canceled = page.waitForEvent("requestfailed", request => request.method() === "PATCH");
await page.click("#erase");
await canceled;
await page.getByText("everything was deleted").waitFor();
assert.equal(await page.locator("#files > *").count(), 0);
await held[1].continue();
// Whoever was erased sends nothing more.
await other.getByText("uploads are not permitted").waitFor();
assert.equal(begun, 1, "an upload was begun anew");
assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
fs.rmSync(large);
assert.equal(await page.locator("#chats button").count(), 0);
// The page may still have been looking at what was deleted.
assert.deepEqual(failures.filter(failure => !failure.includes("status of 404")), []);
for (const url of [image.src, image.original]) {
  assert.equal((await context.request.get(url)).status(), 404);
}
await shot("8-deleted");
await browser.close();
console.log("page: uploaded, answered, reloaded, seeked, sent in parts, generated, deleted");
