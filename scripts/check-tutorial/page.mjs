// The last page of the tutorial, as a person sees it. Arguments: the address, and a file for a screenshot.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [address, shot] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 900, height: 1200 } });
page.setDefaultTimeout(60_000);

/// The images of the page, once `count` of them are drawn.
async function drawn(count) {
  await page.waitForFunction(count => {
    const images = [...document.images].filter(image => image.complete && image.naturalWidth > 0);
    return images.length === count;
  }, count);
}

await page.goto(address);
await drawn(1);
await page.fill("input[name=text]", "Paint a futuristic city skyline");
await page.click("button");
await drawn(2);
const [first, second] = await page.evaluate(() => [...document.images].map(image => image.src));
assert.notEqual(first, second);
const changed = first.replace(/(.)\/([^/]*)$/, (_, last, name) => `${last === "_" ? "A" : "_"}/${name}`);
const status = await page.evaluate(async url => (await fetch(url)).status, changed);
assert.equal(status, 404, "a link that was changed is refused");
await page.screenshot({ path: shot, fullPage: true });
await browser.close();
