/** `scripts/generate.ts` as a program: the library's texts on stdout and nothing else, and what it refuses. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { engine } from "../experiments/small_study.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { inFolder, tokenizedPair } from "./tokenized_pair.ts";

const DEVICE = ["--device", "cpu", "--threads", "1"];

Deno.test("generate writes what the library goes on with: a delta, and a fine-tune that chats", async () => {
  await using files = await tokenizedPair();
  await Deno.writeTextFile(
    join(files.fine, "chat_template.jinja"),
    "{{ bos_token }}Q: {{ messages[0].content }} A:",
  );
  await using pair = await Pair.open(files.base, files.fine, { engine });
  const delta = await pair.extract();
  const file = inFolder(files, "delta.safetensors");
  await writeDelta(file, delta);
  const base = ["--base", files.base, ...DEVICE, "--max-tokens", "12"];

  const drawn = ["--temperature", "0.8", "--top-k", "9", "--seed", "3"];
  const options = { temperature: 0.8, topK: 9, seed: 3, mostTokens: 12 };
  const one = await runTask("generate", [...base, "--delta", file, "--prompt", "a b", ...drawn]);
  assert.equal(one.code, 0, one.error);
  const [expected] = await pair.generate("a b", { ...options, models: { delta } });
  assert.equal(one.out, expected.text + "\n");
  assert.match(one.error, /12 tokens, [\d.]+ a second on cpu/);

  const prompts = ["Why?", "How?"];
  const asked = ["--chat", "--prompt", ...prompts, "--stop", "q", "--temperature", "0"];
  const chat = await runTask("generate", [...base, "--fine", files.fine, ...asked]);
  assert.equal(chat.code, 0, chat.error);
  const greedy = { temperature: 0, mostTokens: 12, stop: ["q"], chat: true };
  const texts = await pair.generate(prompts, greedy);
  assert.equal(chat.out, texts.map(({ prompt, text }) => `> ${prompt}\n${text}\n`).join("\n"));
});

Deno.test("generate refuses what cannot be gone on with in a line", async () => {
  await using files = await tokenizedPair();
  const base = ["--base", files.base, ...DEVICE, "--prompt", "a"];
  const refused: [args: string[], code: number, message: RegExp][] = [
    [[...base, "--top-p", "2"], 2, /--top-p.* '2' is invalid\. expected a number from 0 to 1\./],
    [[...base, "--max-tokens", "600"], 2, /'--max-tokens': .*: got 600; expected at most 50\d$/],
  ];
  for (const [args, code, message] of refused) {
    const { code: found, out, error } = await runHere("generate", args);
    assert.equal(found, code, error);
    assert.equal(out, "");
    assert.match(error.trim().split("\n").at(-1)!, message);
  }
});
