/** The page in a real Chromium, of which no more is asked than of a reader: keys, and what is to be seen. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { writeDelta } from "../../../lib/delta/delta_writer.ts";
import { addKey } from "../../../lib/server/http/keys.ts";
import { projectPath } from "../../../lib/util/project.ts";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";
import { extractDelta } from "../../methods/extract.ts";
import { realServer } from "./real_server.ts";
import { servedPair, toyServer } from "./toy_server.ts";
import { testWithBrowser } from "./with_browser.ts";

/** A page of a browser of its own, with what it complains of. */
async function opened(browser: Browser, url: string, size = { width: 1100, height: 900 }) {
  const page = await browser.newPage({ viewport: size });
  const complaints: string[] = [];
  page.on("console", (each) => {
    if (["error", "warning"].includes(each.type())) complaints.push(each.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints };
}

const answer = (page: Page, at: number) => page.locator(".answer").nth(at);
const fact = (page: Page, at: number, name: string) =>
  answer(page, at).locator(`[data-fact="${name}"]`);
const read = async (page: Page, at: number) =>
  Object.fromEntries(
    await Promise.all(["tokens", "first", "speed", "kl", "end"].map(async (name) =>
      [name, await fact(page, at, name).textContent()] as const
    )),
  );
/** Both answers ended, each as it says. */
const ended = (page: Page, reason: string) =>
  Promise.all([0, 1].map((at) => fact(page, at, "end").filter({ hasText: reason }).waitFor()));
const told = (page: Page, text: string | RegExp) =>
  page.locator("#fault").filter({ hasText: text }).waitFor();

/** Goes on by Tab until an element has the focus. */
async function tabTo(page: Page, id: string): Promise<void> {
  const focused = () => page.locator("*:focus").getAttribute("id", { timeout: 1000 });
  for (let presses = 0; presses < 15; presses++) {
    await page.keyboard.press("Tab");
    if (await focused().catch(() => null) === id) return;
  }
  assert.fail(`Tab does not come to ${id}`);
}

/** Writes over what a field has. */
async function write(page: Page, id: string, text: string): Promise<void> {
  await tabTo(page, id);
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}

async function twoTenants(browser: Browser): Promise<void> {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  const names = ["assistant", "code"];
  for (const name of names) {
    using fine = await Checkpoint.open(projectPath(`data/checkpoints/llama-${name}`));
    await writeDelta(join(folder.path, `${name}.safetensors`), await extractDelta(base, fine));
  }
  await using server = await realServer(base.directory, folder.path);
  const { page, complaints } = await opened(browser, server.url);
  await page.getByText("2 fine-tunes on base").waitFor();
  const prompt = "The function of them";
  await write(page, "prompt", prompt);
  await write(page, "limit", "24");
  await tabTo(page, "model-A");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "model-B");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Control+Enter");
  await ended(page, "length");
  for (const [at, model] of ["code", "assistant"].entries()) {
    const body = { model, prompt, max_tokens: 24, temperature: 0, kl_against: names[at] };
    const { choices: [{ text, kl }] } = await server.post("/v1/completions", body);
    assert.equal(await answer(page, at).locator(".text").textContent(), prompt + text);
    const { tokens, first, speed, kl: shown } = await read(page, at);
    assert.equal(tokens, "24");
    assert.match(first!, /^\d+ ms$/);
    assert.ok(Number(speed) > 0, speed!);
    const mean = kl.reduce((sum: number, each: number) => sum + each) / kl.length;
    assert.ok(mean > 0.01 && Math.abs(Number(shown) - mean) < 1e-3, `${shown}, ${mean}`);
    const facts = await answer(page, at).locator(".facts").textContent();
    assert.match(facts!, /^on base, .+, \d+\.\d\d bits a weight, \d\.\d+ MB$/);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  const widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]";
  assert.deepEqual(await page.evaluate(widths), [390, 390]);
  assert.deepEqual(complaints, []);
}

const pair = await servedPair();

async function textAndStop(browser: Browser): Promise<void> {
  await using server = await toyServer(pair);
  const { page, complaints } = await opened(browser, server.url);
  await page.getByText("2 fine-tunes on base").waitFor();
  const prompt = "<img src=x onerror=\"document.title='bad'\"> ůž🐄 ";
  await write(page, "prompt", prompt);
  for (const id of ["model-A", "model-B"]) {
    await tabTo(page, id);
    await page.keyboard.press("Home");
  }
  await page.keyboard.press("Control+Enter");
  await ended(page, "length");
  const body = { model: "alice", prompt, max_tokens: 64, seed: 0 };
  const { choices: [{ text }] } = await (await server.post("/v1/completions", body)).json();
  assert.match(text, /onerror/);
  for (const at of [0, 1]) {
    assert.equal(await answer(page, at).locator(".text").textContent(), prompt + text);
    const { tokens, kl } = await read(page, at);
    assert.deepEqual([tokens, kl], ["64", "–"]);
  }
  assert.equal(await page.locator("img").count(), 0);
  assert.notEqual(await page.title(), "bad");

  await tabTo(page, "form");
  await page.keyboard.press("ArrowDown");
  for (const id of ["model-A", "model-B"]) {
    await tabTo(page, id);
    await page.keyboard.press("ArrowDown");
  }
  await page.keyboard.press("Control+Enter");
  await ended(page, "length");
  const messages = [{ role: "user", content: prompt }];
  const chat = { model: "bob", messages, max_tokens: 64, seed: 0 };
  const { choices: [{ message }] } = await (await server.post("/v1/chat/completions", chat)).json();
  assert.equal(await answer(page, 1).locator(".text").textContent(), message.content);

  let turns = 0;
  const go = Promise.withResolvers<void>();
  server.taker.turn = () => ++turns > 6 ? go.promise : Promise.resolve();
  await page.keyboard.press("Control+Enter");
  await fact(page, 0, "tokens").filter({ hasText: /[1-9]/ }).waitFor();
  const gone = server.taker.submitted.slice(-2).map(({ signal }) =>
    new Promise((resolve) => signal!.addEventListener("abort", resolve, { once: true }))
  );
  await page.keyboard.press("Escape");
  await told(page, "Stopped.");
  await Promise.all(gone);
  go.resolve();
  assert.equal((await read(page, 0)).end, "you");

  server.taker.turn = () => Promise.resolve();
  server.taker.endsBy = new Error("secret");
  await page.keyboard.press("Control+Enter");
  await told(page, /\w/);
  assert.doesNotMatch((await page.locator("#fault").textContent())!, /secret|Stopped/);
  assert.ok(complaints.every((each) => /status of 500/.test(each)), complaints.join("\n"));
}

async function keyAndRefusal(browser: Browser): Promise<void> {
  const keys = join(await Deno.makeTempDir({ dir: pair.folder }), "keys.json");
  const key = await addKey(keys, { name: "reader", tenants: ["alice", "bob"] });
  await using server = await toyServer(pair, { keys });
  const { page, complaints } = await opened(browser, server.url);
  await told(page, "shows no key");
  await write(page, "key", "sk-wrong");
  await page.keyboard.press("Tab");
  await told(page, "a key that is not known");
  await write(page, "key", key);
  await page.keyboard.press("Tab");
  await page.getByText("2 fine-tunes").waitFor();
  assert.equal(await page.locator("#fault").textContent(), "");
  // Its models cannot be compared.
  await page.keyboard.press("Control+Enter");
  await told(page, "kl_against");
  const refused = /^Failed to load resource: the server responded with a status of 40[01]/;
  assert.ok(complaints.every((each) => refused.test(each)), complaints.join("\n"));
}

testWithBrowser("the page", {
  "two tenants picked by keyboard answer one prompt side by side": twoTenants,
  "what answers say is text, tokens without any are counted, and Escape stops": textAndStop,
  "a key is asked for, and what the API refuses is said": keyAndRefusal,
});

Deno.test("files of the page are of their types, kept by nobody, and may load nothing from elsewhere", async () => {
  await using server = await toyServer(pair);
  const types = { "": "text/html", "page.css": "text/css", "page.js": "text/javascript" };
  for (const [name, type] of Object.entries(types)) {
    const { headers, body, status } = await fetch(`${server.url}/${name}`);
    await body!.cancel();
    assert.equal(status, 200);
    assert.equal(headers.get("Content-Type"), `${type}; charset=utf-8`);
    assert.equal(headers.get("X-Content-Type-Options"), "nosniff");
    assert.equal(headers.get("Cache-Control"), "no-cache");
    assert.equal(headers.get("Referrer-Policy"), "no-referrer");
    const policy = headers.get("Content-Security-Policy")!.split("; ");
    for (const each of ["default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"]) {
      assert.ok(policy.includes(each), each);
    }
    assert.doesNotMatch(policy.join(), /unsafe|\*|http/);
  }
});
