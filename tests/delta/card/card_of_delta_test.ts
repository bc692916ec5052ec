import assert from "node:assert/strict";
import { join } from "node:path";
import { cardOfDelta, readCardScores } from "../../../lib/delta/card/card_of_delta.ts";
import { openDelta } from "../../../lib/delta/delta_file.ts";
import { memoryDelta } from "../../../lib/delta/delta.ts";
import { writeDelta } from "../../../lib/delta/delta_writer.ts";
import { signsTerm } from "../../../lib/codecs/signs.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

async function deltaIn(folder: string) {
  const shape: [number, number] = [2, 64];
  const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
  const layers = new Map([["model.layers.0.mlp.up_proj", {
    shape,
    role: "delta" as const,
    terms,
  }]]);
  const path = join(folder, "a.safetensors");
  const metadata = {
    method: "mine",
    settings: { rows: 3 },
    base: `hf:a/base@${COMMIT}`,
    baseHash: null,
    fineHash: "blake3:11",
    version: null,
  };
  await writeDelta(path, memoryDelta(layers, new Map(), metadata));
  return await openDelta(path);
}

Deno.test("a delta's file alone says of a card what its header and its bytes say", async () => {
  await using folder = await temporaryFolder();
  using delta = await deltaIn(folder.path);
  const card = await cardOfDelta(delta, {});
  const { size } = await Deno.stat(delta.path);
  assert.deepEqual(card, {
    kind: "delta",
    base: { name: "a/base", origin: `hf:a/base@${COMMIT}`, hash: null },
    fine: { name: "its fine-tune", origin: null, hash: "blake3:11" },
    method: "mine",
    settings: { rows: 3 },
    layers: { count: 1, bits: 1.25 },
    file: { name: "a.safetensors", bytes: size, digest: delta.digest },
    fineBytes: null,
    license: null,
    scores: [],
  });
});

Deno.test("scores are those of one text or of several, and of this delta alone", async () => {
  await using folder = await temporaryFolder();
  using delta = await deltaIn(folder.path);
  const path = join(folder.path, "scores.json");
  const score = (name: string, kl: number | null) => ({
    text: { name },
    summary: { perplexity: 8.5, kl, tokens: 128 },
    perplexity: { value: 9 },
  });
  const read = async (record: object) => {
    await Deno.writeTextFile(path, JSON.stringify(record));
    return await readCardScores(path, delta);
  };
  const own = { delta: { digest: delta.digest } };
  const expected = { text: "code", perplexity: 8.5, kl: 0.25, tokens: 128 };
  assert.deepEqual(await read({ ...own, ...score("code", 0.25) }), [expected]);
  assert.deepEqual(await read({ ...own, texts: [score("code", 0.25), score("health", null)] }), [
    expected,
    { ...expected, text: "health", kl: null },
  ]);
  const others = [
    { delta: { digest: "00" }, ...score("code", 1) },
    { delta: null, ...score("code", 1) },
    own,
    { ...own, texts: [{ text: "code" }] },
  ];
  for (const record of others) await assert.rejects(read(record), OptionError);
});
