// A person at the page of the chat service.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

export class Person {
  // What the browser complains of goes to `failures`.
  static async in(context) {
    const person = new Person();
    person.page = await context.newPage();
    person.page.setDefaultTimeout(30_000);
    person.failures = [];
    person.page.on("pageerror", error => person.failures.push(String(error)));
    person.page.on("console", message => {
      if (message.type() === "error") person.failures.push(`${message.text()} ${message.location().url}`);
    });
    person.page.on("dialog", dialog => dialog.accept());
    return person;
  }

  // A photo of 1,600 x 1,200, painted by the browser.
  async photo() {
    const base64 = await this.page.evaluate(async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 1600, height: 1200 });
      const paint = canvas.getContext("2d");
      const sky = paint.createLinearGradient(0, 0, 0, 1200);
      sky.addColorStop(0, "#1e3a8a"); sky.addColorStop(0.6, "#fb923c"); sky.addColorStop(1, "#14532d");
      paint.fillStyle = sky; paint.fillRect(0, 0, 1600, 1200);
      paint.fillStyle = "#fde68a"; paint.beginPath(); paint.arc(1100, 640, 120, 0, 7); paint.fill();
      for (let i = 0; i < 4000; i++) {
        paint.fillStyle = `hsl(${i % 360} 60% 60% / .3)`;
        paint.fillRect((i * 397) % 1600, (i * 211) % 1200, 9, 9);
      }
      const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.9));
      const reader = new FileReader();
      reader.readAsDataURL(blob);
      await new Promise(done => reader.addEventListener("load", done));
      return reader.result.split(",")[1];
    });
    return { name: "evening.jpg", mimeType: "image/jpeg", buffer: Buffer.from(base64, "base64") };
  }

  // A video of 4 seconds, recorded by the browser.
  async video() {
    const base64 = await this.page.evaluate(async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
      const paint = canvas.getContext("2d");
      let frame = 0;
      const painting = setInterval(() => {
        paint.fillStyle = `hsl(${frame * 7 % 360} 80% 50%)`; paint.fillRect(0, 0, 320, 240);
        paint.fillStyle = "white"; paint.fillRect(frame % 320, 100, 40, 40);
        frame += 1;
      }, 40);
      const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
      const pieces = [];
      recorder.addEventListener("dataavailable", event => pieces.push(event.data));
      recorder.start();
      await new Promise(done => setTimeout(done, 4000));
      const stopped = new Promise(done => recorder.addEventListener("stop", done));
      recorder.stop();
      await stopped;
      clearInterval(painting);
      const reader = new FileReader();
      reader.readAsDataURL(new Blob(pieces));
      await new Promise(done => reader.addEventListener("load", done));
      return reader.result.split(",")[1];
    });
    return { name: "colors.webm", mimeType: "video/webm", buffer: Buffer.from(base64, "base64") };
  }

  // Lets files fall on the form.
  async drop(files) {
    const read = files.map(({ name, mimeType, buffer }) => [name, mimeType, buffer.toString("base64")]);
    const dataTransfer = await this.page.evaluateHandle(files => {
      const transfer = new DataTransfer();
      for (const [name, type, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
      }
      return transfer;
    }, read);
    await this.page.dispatchEvent("#form", "dragover", { dataTransfer });
    await this.page.locator("#form.over").waitFor();
    await this.page.dispatchEvent("#form", "drop", { dataTransfer });
    assert.equal(await this.page.locator("#form.over").count(), 0);
  }

  // Sends a message, and waits for the end of the answer. Files are chosen, or dropped on the form.
  async send(text, files = [], { dropped = false } = {}) {
    if (files.length) {
      await (dropped ? this.drop(files) : this.page.setInputFiles("#file", files));
      await this.page.waitForFunction(count => document.querySelectorAll("#files > :not(.sending)").length === count, files.length);
    }
    await this.page.fill("#text", text);
    const answers = await this.page.locator(".message.assistant").count();
    await this.page.click("#send");
    await this.page.waitForFunction(count => document.querySelectorAll(".message.assistant").length > count, answers);
    await this.page.locator("#send").waitFor({ state: "visible" });
  }

  // Waits until all such images are there.
  loaded(selector) {
    return this.page.waitForFunction(selector => {
      const images = [...document.querySelectorAll(selector)];
      return images.length > 0 && images.every(image => image.complete && image.naturalWidth > 0);
    }, selector);
  }
}
