import assert from "node:assert/strict";
import { join } from "node:path";
import { cardOfDelta, readCardScores } from "../../../lib/delta/card/card_of_delta.ts";
import { openDelta } from "../../../lib/delta/delta_file.ts";
import { memoryDelta } from "../../../lib/delta/delta.ts";
import { writeDelta } from "../../../lib/delta/delta_writer.ts";
import { signsTerm } from "../../../lib/codecs/signs.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import { modelCard } from "../../../lib/delta/card/model_card.ts";
import { compressToFile } from "../../../lib/methods/compress.ts";
import type { MethodChoice } from "../../../lib/methods/method.ts";
import { tinyPair } from "../../methods/tiny_pair.ts";
import { engine } from "../../methods/oracle_pair.ts";
import { randomSequences } from "../../texts/random_sequences.ts";
import { temporaryFolder, TINY_CONFIG } from "../../checkpoint/tiny_checkpoint.ts";

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
    stored: [{ of: "linear layers", role: "delta", count: 1, codecs: ["signs"], bits: 1.25 }],
    file: { name: "a.safetensors", bytes: size, digest: delta.digest },
    fineBytes: null,
    license: null,
    scores: [],
  });
});

Deno.test("a card says of embedding, head and weights in the base's place how they are stored, and of the rest that it is the fine-tune's own", async () => {
  await using pair = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings: false });
  await using folder = await temporaryFolder();
  const sequences = randomSequences([6, 6], 6, TINY_CONFIG.vocabularySize, 3);
  const cardOf = async (choice: MethodChoice) => {
    const path = join(folder.path, `${choice.method}.safetensors`);
    const { base, fine } = pair;
    using delta = (await compressToFile(path, engine, base, fine, choice, sequences)).delta;
    return await cardOfDelta(delta, { base, fine });
  };
  const tables = { rows: 8, tables: "4-bit" };
  const added = await cardOf({ method: "row-column", settings: tables });
  const replaced = await cardOf({ method: "round-to-nearest", variant: "4-bit" });
  const ofTables = added.stored.filter(({ of }) => of !== "linear layers");
  assert.deepEqual(ofTables.map(({ of, codecs }) => [of, codecs]), [
    ["embedding", ["integers"]],
    ["head", ["integers"]],
  ]);
  assert.ok(ofTables.every(({ bits }) => bits > 4));
  const text = modelCard(added);
  assert.match(text, /^What has to be added to `base` to come near its fine-tune `fine`: /m);
  assert.ok(
    text.includes("for each linear layer a matrix near `W_fine − W_base`, stored by `signs`;"),
  );
  assert.ok(text.includes("for the head a matrix near `W_fine − W_base`, stored by `integers`."));
  assert.match(text, /\| Embedding +\| at \d+\.\d{3} bits a weight, scales included \|/);
  const weights = modelCard(replaced);
  assert.match(weights, /^What has to stand in place of weights of `base` to come near/m);
  assert.ok(
    weights.includes(
      "a matrix near `W_fine` in the place of the base's, stored by `integers`. All other tensors",
    ),
  );
  assert.doesNotMatch(weights, /W_base|Embedding/);
  const bits = replaced.layers.bits.toFixed(1);
  assert.ok(Number(bits) > 4);
  assert.ok(modelCard({ ...replaced, kind: "checkpoint" }).includes(`# fine at ${bits} bits`));
  const mixed = modelCard({ ...added, stored: [...added.stored, ...replaced.stored] });
  const count = replaced.layers.count;
  assert.match(mixed, /^What has to be added to, or stand in place of, weights of `base` to/m);
  assert.equal(mixed.split(`for ${count} linear layers a matrix`).length, 3);
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
