import assert from "node:assert/strict";
import { withProgress } from "../../lib/display/live_progress.ts";
import { recordingScreen } from "./recording_screen.ts";

const textsOf = (screen: ReturnType<typeof recordingScreen>) =>
  screen.opened.map((states) => states.map(({ data }) => data["text/plain"]));

Deno.test("progress moves in one place and ends in a line that is always the same", async () => {
  const screen = recordingScreen();
  const result = await withProgress("Study", ({ onProgress }) => {
    onProgress!({ done: 1, total: 4, label: "a → b: code" });
    return Promise.resolve(42);
  }, screen);
  assert.equal(result, 42);
  assert.deepEqual(screen.shown, []);
  // A quarter of 30 places is seven and a half.
  const bar = "███████▌".padEnd(30);
  assert.deepEqual(textsOf(screen), [[
    "Study …",
    `Study  ${bar}  1 of 4  a → b: code`,
    "Study: done.",
  ]]);
});

Deno.test("where bytes are moved the bar goes by them and says how many", async () => {
  const screen = recordingScreen();
  await withProgress("Download", ({ onProgress }) => {
    const bytes = { done: 3e9, total: 4e9 };
    onProgress!({ done: 0, total: 2, label: "model.safetensors", bytes });
    return Promise.resolve();
  }, screen);
  const bar = "██████████████████████▌".padEnd(30);
  const text = `Download  ${bar}  0 of 2  model.safetensors, 3.00 GB of 4.00 GB`;
  assert.equal(textsOf(screen)[0][1], text);
});

Deno.test("of reports that follow each other closely, few are shown, and none after the end", async () => {
  const screen = recordingScreen();
  await withProgress("Study", ({ onProgress }) => {
    for (let done = 1; done <= 10_000; done++) onProgress!({ done, total: 10_000, label: "" });
    return Promise.resolve();
  }, screen);
  const [texts] = textsOf(screen);
  assert.ok(texts.length < 100, `${texts.length} states`);
  assert.equal(texts.at(-1), "Study: done.");
});

Deno.test("an operation without reports, or with nothing to do, ends alike", async () => {
  const screen = recordingScreen();
  await withProgress("Study", () => Promise.resolve(), screen);
  await withProgress("Study", ({ onProgress }) => {
    onProgress!({ done: 0, total: 0, label: "" });
    return Promise.resolve();
  }, screen);
  const texts = textsOf(screen);
  assert.deepEqual(texts[0], ["Study …", "Study: done."]);
  assert.equal(texts[1].at(-1), "Study: done.");
});

Deno.test("an error says how far it came, and goes on", async () => {
  const screen = recordingScreen();
  const run = withProgress("Study", ({ onProgress }) => {
    onProgress!({ done: 3, total: 4, label: "a → b" });
    throw new Error("no more");
  }, screen);
  await assert.rejects(run, /no more/);
  assert.equal(textsOf(screen)[0].at(-1), "Study: stopped after 3 of 4, a → b.");
});

Deno.test("a screen that is slow shows states in their order", async () => {
  const seen: string[] = [];
  const slow = {
    show: () => Promise.resolve(),
    open: () => {
      const update = async ({ data }: { data: { "text/plain": string } }) => {
        await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
        seen.push(data["text/plain"]);
      };
      return Promise.resolve({ update, close: update });
    },
  };
  await withProgress("Study", ({ onProgress }) => {
    onProgress!({ done: 1, total: 2, label: "first" });
    return Promise.resolve();
  }, slow);
  assert.equal(seen.length, 2);
  assert.match(seen[0], /first$/);
  assert.equal(seen[1], "Study: done.");
});
