// Runs the page's functions that send files straight to the bucket, against a service that answers by a script.
//
// usage: node page.js PAGE
"use strict";
const assert = require("node:assert/strict");
const page = require("node:fs").readFileSync(process.argv[2], "utf8");
const between = (start, end) => page.slice(page.indexOf(start), page.indexOf(end));
const source = between("const PATIENCE =", "function element(") + between("const LARGE =", "const unfinished =");

// A page whose requests get these answers in turn: a status with a body, or null for a lost connection.
function open(answers, stored = {}) {
  const asked = [];
  const fetch = async (path, { method }) => {
    asked.push(`${method} ${path}`);
    const [status, body] = answers.shift() ?? assert.fail(`${method} ${path} was not expected`);
    if (status === null) throw new TypeError("the connection is lost");
    return { status, ok: status < 300, json: async () => body ?? assert.fail("no body") };
  };
  const localStorage = { getItem: key => stored[key] ?? null };
  const wait = work => work();
  const make = new Function("fetch", "localStorage", "setTimeout", `${source}; return { sendDirect, partsOf };`);
  return { asked, ...make(fetch, localStorage, wait) };
}

const file = { name: "a.png", size: 9, lastModified: 1, type: "image/png" };
const { signal } = new AbortController();
const announced = [200, { url: "bucket", headers: {}, ticket: "t" }], sent = [200, {}], lost = [null];
const item = [200, { items: ["item"] }], gone = [404, { error: { message: "gone" } }];
const away = [503, { error: { message: "away" } }], large = [413, { error: { message: "too large" } }];
const ADOPT = "POST /api/uploads/adopt", ALL = ["POST /api/uploads", "PUT bucket", ADOPT];

// What is waited for in vain ends the program, and is no success.
process.exitCode = 1;
(async () => {
  let opened = open([announced, sent, item]);
  assert.equal(await opened.sendDirect(file, signal), "item");
  assert.deepEqual(opened.asked, ALL);

  // What passes is waited for, and asked again.
  opened = open([announced, sent, lost, away, [200], item]);
  assert.equal(await opened.sendDirect(file, signal), "item");
  assert.deepEqual(opened.asked, [...ALL, ADOPT, ADOPT, ADOPT]);

  // What is not there any more goes through the service, and so does the next file straight to the bucket.
  opened = open([announced, sent, lost, gone, announced, sent, item]);
  assert.equal(await opened.sendDirect(file, signal), null);
  assert.equal(await opened.sendDirect(file, signal), "item");

  // What is refused is refused either way.
  opened = open([announced, sent, large]);
  await assert.rejects(opened.sendDirect(file, signal), /too large/);

  // Without a bucket, or one that lets nobody in, nothing is asked again.
  for (const answers of [[[204]], [announced, lost], [announced, [403]]]) {
    opened = open(answers);
    assert.equal(await opened.sendDirect(file, signal), null);
    assert.equal(await opened.sendDirect(file, signal), null);
  }
  // One announcement too many is no reason to stop.
  opened = open([[429], announced, sent, item]);
  assert.equal(await opened.sendDirect(file, signal), null);
  assert.equal(await opened.sendDirect(file, signal), "item");

  // A file of which parts are there goes on in parts.
  opened = open([], { [opened.partsOf(file)]: "/files/1" });
  assert.equal(await opened.sendDirect(file, signal), null);
  assert.deepEqual(opened.asked, []);
  process.exitCode = 0;
})();
