// The report of `media` in a browser, as a file. Arguments: the report, and where a screenshot goes.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [report, shot] = process.argv.slice(2);
const address = pathToFileURL(report).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
const failures = [];
page.on("pageerror", error => failures.push(String(error)));
page.on("console", message => ["error", "warning"].includes(message.type()) && failures.push(message.text()));
page.on("request", request => {
  const asked = request.url();
  if (asked !== address && !asked.startsWith("data:")) failures.push(`it asks for ${asked}`);
});
await page.goto(address, { waitUntil: "load" });
assert.equal(await page.textContent("h1"), "Media report");
const images = await page.$$eval(".gallery img", all => all.map(image => image.complete && image.naturalWidth));
assert.ok(images.length > 0 && images.every(width => width > 0), `thumbnails: ${images}`);
// Nothing is wider than the window, on a telephone too.
for (const width of [1200, 390]) {
  await page.setViewportSize({ width, height: 900 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${wide} of ${width} pixels wide`);
}
await page.setViewportSize({ width: 1200, height: 900 });
await page.screenshot({ path: shot, fullPage: true });
await browser.close();
assert.deepEqual(failures, []);
console.log(`report: ${images.length} thumbnails, no error, no request`);
