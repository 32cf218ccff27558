// Runs the page's functions that send a message and read the answer, against a service that answers by a script.
//
// usage: node turns.js PAGE
"use strict";
const assert = require("node:assert/strict");
const page = require("node:fs").readFileSync(process.argv[2], "utf8");
const between = (start, end) => page.slice(page.indexOf(start), page.indexOf(end));
const source = [
  "let chat = null, turn = null, uploads = [];",
  between("async function call(", "function element("),
  between("async function open(", "// Whether asking again"),
  between("// Whether asking again", "// Sends a large file in parts"),
  between("// The message that is being sent", "function stopSending("),
  "return { send, read, show: open, attach: item => uploads.push(item), attached: () => uploads, enter: id => { chat = id; } };",
].join("\n");

// The body of a response with these events. A body that is cut fails after them.
function stream(events, isCut) {
  const blocks = events.map((event, index) => `id: ${index + 1}\ndata: ${JSON.stringify(event)}\n\n`);
  return new ReadableStream({
    pull(controller) {
      const block = blocks.shift();
      if (block) controller.enqueue(new TextEncoder().encode(block));
      else isCut ? controller.error(new TypeError("cut")) : controller.close();
    },
  }, { highWaterMark: 0 });
}

// A body whose events come when they are told.
function held() {
  let controller;
  const body = new ReadableStream({ start(started) { controller = started; } });
  const block = event => `id: 1\ndata: ${JSON.stringify(event)}\n\n`;
  const tell = (...events) => controller.enqueue(new TextEncoder().encode(events.map(block).join("")));
  return { body, tell, end: (...events) => { tell(...events); controller.close(); } };
}

async function until(holds) { while (!holds()) await new Promise(setImmediate); }

// A page whose requests get these answers in turn: a status with a body, or null for a lost connection.
function open(answers) {
  const asked = [], notes = [], views = [], elements = {};
  const fetch = async (path, { method, headers = {}, body }) => {
    asked.push({ what: `${method} ${path}`, headers, body });
    const [status, answer] = answers.shift() ?? assert.fail(`${method} ${path} was not expected`);
    if (status === null) throw new TypeError("the connection is lost");
    const isStream = answer instanceof ReadableStream;
    return { status, ok: status < 300, statusText: "", body: isStream ? answer : null, json: async () => answer };
  };
  const make = (name, properties = {}) => ({
    name, removed: false, hidden: false, value: "", children: [], querySelector: () => null,
    append(...more) { this.children.push(...more); }, appendChild(one) { this.children.push(one); return one; },
    remove() { this.removed = true; }, textContent: "", ...properties,
  });
  const $ = id => elements[id] ??= make(id, { hidden: id === "stop" });
  const bubbles = [];
  const bubble = role => { bubbles.push(make(role)); return bubbles.at(-1); };
  let keys = 0;
  const stubs = {
    $, fetch, bubble, element: make, note: text => notes.push(text), showView: view => views.push(view),
    showMedia() {}, listChats: async () => {}, history: { replaceState() {} }, setTimeout: work => work(),
    crypto: { randomUUID: () => `key ${++keys}` },
  };
  const functions = new Function(...Object.keys(stubs), source)(...Object.values(stubs));
  return { asked, notes, views, bubbles, $, ...functions };
}

const started = { type: "started", data: { turn: "t" } }, delta = { type: "text_delta", data: "Hello" };
const done = data => ({ type: "done", data: { status: "complete", ...data } });
const whole = [200, stream([started, delta, done()])], lost = [null], view = [200, { view: "the view" }];
const away = [503, { error: { message: "away" } }], busy = { type: "error", data: { kind: "busy", message: "busy" } };
const fresh = answer => [answer[0], answer[1] instanceof ReadableStream ? stream([started, delta, done()]) : answer[1]];
const POST = "POST /api/conversations/c/turns", EVENTS = "GET /api/conversations/c/turns/t/events";
const VIEW = "GET /api/conversations/c";

function write(opened, text) {
  opened.enter("c");
  opened.$("text").value = text;
  const shown = { removed: false, remove() { this.removed = true; } };
  opened.attach({ reference: "r", mime_type: "image/png", filename: "a.png", shown });
  return shown;
}

// What is waited for in vain ends the program, and is no success.
process.exitCode = 1;
(async () => {
  // A message is cleared when its turn has started.
  let opened = open([fresh(whole), view]);
  let shown = write(opened, "Hi");
  await opened.send();
  assert.deepEqual(opened.asked.map(({ what }) => what), [POST, VIEW]);
  assert.equal(opened.$("text").value, "");
  assert.deepEqual(opened.attached(), []);
  assert.ok(shown.removed);
  assert.deepEqual(opened.views, ["the view"]);
  assert.deepEqual([opened.$("send").hidden, opened.$("stop").hidden], [false, true]);

  // What was not taken stays, and is sent again as the same turn.
  for (const [refusal, pattern] of [
    [lost, /lost/], [away, /away/], [[200, stream([], true)], /send it again/], [[200, stream([], false)], /send it again/],
  ]) {
    opened = open([refusal, fresh(whole), view]);
    shown = write(opened, "Hi");
    await assert.rejects(opened.send(), pattern);
    assert.equal(opened.$("text").value, "Hi");
    assert.deepEqual([opened.attached().length, shown.removed], [1, false]);
    assert.ok(opened.bubbles[0].removed);
    assert.deepEqual([opened.$("send").hidden, opened.$("stop").hidden], [false, true]);
    await opened.send();
    const [first, second] = opened.asked;
    assert.equal(first.headers["Idempotency-Key"], second.headers["Idempotency-Key"]);
    assert.equal(first.body, second.body);
    assert.equal(opened.$("text").value, "");
  }

  // So does a message beside a turn that runs; another message is another turn.
  opened = open([[200, stream([busy])], view, fresh(whole), view]);
  write(opened, "Hi");
  await opened.send();
  assert.deepEqual([opened.$("text").value, opened.attached().length, opened.notes], ["Hi", 1, ["busy"]]);
  opened.$("text").value = "Hello";
  await opened.send();
  const keys = opened.asked.filter(({ what }) => what === POST).map(({ headers }) => headers["Idempotency-Key"]);
  assert.deepEqual(keys, ["key 1", "key 2"]);

  // A connection that breaks is asked for again, also where that fails for a while, and the view too.
  opened = open([[200, stream([started, delta], true)], lost, away, lost, fresh(whole), lost, away, view]);
  write(opened, "Hi");
  await opened.send();
  const again = opened.asked.filter(({ what }) => what === EVENTS);
  assert.equal(again.length, 4);
  assert.ok(again.every(({ headers }) => headers["Last-Event-ID"] === "2"));
  assert.deepEqual(opened.views, ["the view"]);
  assert.equal(opened.$("send").hidden, false);

  // A turn that runs is followed from its beginning, also where that fails at first.
  opened = open([lost, fresh(whole), view]);
  opened.enter("c");
  await opened.read(null, "c", { running: "t" });
  assert.deepEqual(opened.asked.map(({ what }) => what), [EVENTS, EVENTS, VIEW]);
  assert.equal(opened.bubbles.length, 1);

  // What comes for a chat that is not shown any more is not drawn into another one.
  opened = open([fresh(whole), view]);
  opened.enter("d");
  await opened.read(null, "c", { running: "t" });
  assert.deepEqual([opened.bubbles.length, opened.views.length, opened.$("send").hidden], [0, 0, false]);

  // A view that comes after another chat was opened is not shown.
  opened = open([view]);
  const late = opened.show("c");
  opened.enter("d");
  await late;
  assert.deepEqual(opened.views, []);

  // A chat that is opened while it is answered is drawn by one reader, also where that did not know of its turn yet.
  for (const first of [[started, delta], []]) {
    const { body, tell, end } = held();
    opened = open([[200, body], [200, { view: "before", running: "t" }], fresh(whole), view]);
    write(opened, "Hi");
    const sending = opened.send();
    if (first.length) tell(...first);
    await until(() => opened.bubbles.length === 1 + first.filter(event => event === delta).length);
    const { length } = opened.bubbles;
    await until(() => opened.asked.length === 1);
    await opened.show("c");
    end(started, { type: "message_saved" }, delta, done());
    await sending;
    assert.deepEqual(opened.asked.map(({ what }) => what), [POST, VIEW, EVENTS, VIEW]);
    assert.deepEqual([opened.bubbles.length, opened.views], [length + 1, ["before", "the view"]]);
    assert.equal(opened.$("text").value, "");
    assert.deepEqual([opened.$("send").hidden, opened.$("stop").hidden], [false, true]);
  }

  // One that is opened before its turn runs is drawn by the reader that it has.
  const { body, end } = held();
  opened = open([[200, body], [200, { view: "before", running: null }], view]);
  write(opened, "Hi");
  const sending = opened.send();
  await until(() => opened.asked.length === 1);
  await opened.show("c");
  end(started, delta, done());
  await sending;
  assert.deepEqual([opened.bubbles.length, opened.views], [2, ["before", "the view"]]);
  assert.deepEqual([opened.$("send").hidden, opened.$("stop").hidden], [false, true]);

  // What is refused, or never comes back, gives the buttons back.
  for (const rest of [[[404, { error: { message: "gone" } }]], Array(100).fill(lost)]) {
    opened = open([[200, stream([started], true)], ...rest]);
    write(opened, "Hi");
    await assert.rejects(opened.send(), /gone|reload/);
    assert.deepEqual([opened.$("send").hidden, opened.$("stop").hidden], [false, true]);
  }

  // What the model did not get is told below the answer.
  const omitted_media = [{ name: "a.heic", reason: "unsupported", detail: "not a type of this provider" }];
  const kept_inline = [{ mime: "image/png", reason: "the store is away" }];
  opened = open([[200, stream([started, done({ omitted_media, kept_inline })])], view]);
  write(opened, "Hi");
  await opened.send();
  assert.deepEqual(opened.notes, [
    "a.heic was left out: not a type of this provider",
    "image/png is not in the media store yet: the store is away",
  ]);
  process.exitCode = 0;
})();
