// Files go from the page straight to a bucket, and through the service where the bucket does not let them.
// Arguments: the address of the page, a directory for screenshots, the URL of the bucket, the file of its CORS rule.
import assert from "node:assert/strict";
import fs from "node:fs";
import { Person, launch } from "./person.mjs";

const [address, shots, bucket, rule] = process.argv.slice(2);
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });

// What the page sends with a body, and how it was answered.
const sent = [];
const note = response => {
  const method = response.request().method(), url = response.url();
  if (!["PUT", "POST", "PATCH"].includes(method)) return;
  sent.push([method, url.startsWith(bucket) ? "bucket" : new URL(url).pathname, response.status()]);
};
context.on("response", note);
const uploads = () => sent.filter(([method, where]) => method === "PUT" || /^\/(upload|files)/.test(where));

fs.writeFileSync(rule, new URL(address).origin);
const person = await Person.in(context);
await person.page.goto(address);
await person.send("What is in this photo?", [await person.photo()]);
await person.loaded(".message.user img");
assert.deepEqual(uploads(), [["PUT", "bucket", 200]]);
assert.ok(sent.some(([method, where, status]) => method === "POST" && where === "/api/uploads/adopt" && status < 300));
await person.page.reload();
await person.loaded(".message.user img");
const links = await person.page.evaluate(() => {
  const image = document.querySelector(".message.user img");
  return [image.src, image.closest("a").href];
});
const width = await person.page.evaluate(async url =>
  (await createImageBitmap(await (await fetch(url)).blob())).width, links[1]);
assert.equal(width, 1600);
await person.page.screenshot({ path: `${shots}/9-direct.png` });
assert.deepEqual(person.failures, []);

// The rule is withdrawn. Another user's page finds out once.
fs.rmSync(rule);
sent.length = 0;
const stranger = await Person.in(await browser.newContext());
stranger.page.context().on("response", note);
await stranger.page.goto(address);
for (const text of ["What is in this photo?", "And in this one?"]) {
  await stranger.send(text, [await stranger.photo()]);
  await stranger.loaded(".message.user img");
}
assert.deepEqual(uploads().map(([method, where]) => [method, where]), [["POST", "/upload"], ["POST", "/upload"]]);
const refused = stranger.failures.filter(failure => failure.includes("CORS"));
assert.equal(refused.length, 1, "the bucket was asked again");
for (const { page } of [person, stranger]) {
  await page.click("#erase");
  await page.getByText("everything was deleted").waitFor();
}
for (const url of links) assert.equal((await context.request.get(url)).status(), 404);
await browser.close();
console.log("page: sent straight to a bucket, through the service without a rule, deleted");
