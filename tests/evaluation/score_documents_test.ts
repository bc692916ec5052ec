import assert from "node:assert/strict";
import type { TextDocument } from "../../lib/texts/document.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { scoreDocuments, scoreModels } from "../../lib/evaluation/score_documents.ts";
import { tokenText } from "../../lib/evaluation/token_text.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { engine } from "../methods/oracle_pair.ts";
import { TINY_CONFIG, tinySource } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { RHYME, smallTokenizer } from "../studies/embedded_pairs/small_tokenizer.ts";

const config = { ...TINY_CONFIG, vocabularySize: 284 };
const model = tinySource(config, 1);
const noise = new SeededRandom(2);
const reference = tinySource(config, 1, (_, values) => {
  for (let i = 0; i < values.length; i++) values[i] += 0.2 * noise.normal();
});
const tokenizer = await smallTokenizer();
const windows = { context: 16, window: 8 };
const settings = { tokenizer, windows, bootstrapSeed: 5 };

const document = (index: number, length = 70 + 10 * index): TextDocument => ({
  name: `rhyme ${index}`,
  text: RHYME.slice(7 * index, 7 * index + length),
});
const documents = [0, 1, 2, 3, 4].map((index) => document(index));

function score(of: readonly TextDocument[], compared = true) {
  const options = compared ? { ...settings, reference } : settings;
  return scoreDocuments(engine, model, "rhymes", of, options);
}

Deno.test("the scores are the evaluator's, each inside its interval over documents", async () => {
  const scored = await score(documents);
  const evaluator = new Evaluator(engine, config, windows);
  const text = await tokenText("rhymes", documents, tokenizer);
  const expected = await evaluator.score(model, text, await evaluator.reference(reference, text));
  await evaluator.release();
  assert.deepEqual(scored.summary, expected);
  assert.equal(scored.unit, "document");
  for (const name of ["perplexity", "bitsPerByte", "kl", "agreement"] as const) {
    const { low, value, high } = scored[name]!;
    assertWithin(relativeError([value], [expected[name]!]), 1e-6, name);
    assert.ok(low < value && value < high, name);
  }
});

Deno.test("several models are scored as one by one, by a reference that runs once", async () => {
  let reads = 0;
  const counted = {
    ...reference,
    config,
    name: "counted",
    has: (tensor: string) => reference.has(tensor),
    readFloat32: (tensor: string) => {
      if (tensor === "model.layers.0.input_layernorm.weight") reads++;
      return reference.readFloat32(tensor);
    },
  };
  const text = await tokenText("rhymes", documents, tokenizer);
  const models = { plain: model, itself: reference };
  const scores = await scoreModels(engine, models, text, { ...settings, reference: counted });
  assert.deepEqual(scores.plain, await score(documents));
  assert.equal(scores.itself.summary.kl, 0);
  const readsForTwo = reads;
  await scoreModels(engine, { plain: model }, text, { ...settings, reference: counted });
  assert.deepEqual([Object.keys(scores), readsForTwo], [["plain", "itself"], reads / 2]);
});

Deno.test("without a reference there is neither KL nor agreement", async () => {
  const { summary, kl, agreement } = await score(documents, false);
  assert.deepEqual([summary.kl, summary.agreement, kl, agreement], [null, null, null, null]);
});

Deno.test("one document is resampled by windows, which change no score", async () => {
  const whole = { name: "all", text: documents.map(({ text }) => text).join("\n\n") };
  const { summary, unit, perplexity } = await score([whole]);
  const { summary: expected } = await score(documents);
  assert.equal(unit, "window");
  assert.deepEqual(summary.windowNll, expected.windowNll);
  assert.equal(summary.documents.length, summary.windowNll.length);
  summary.documents.forEach(({ name, tokens, nll }, index) => {
    assert.deepEqual([name, tokens], [`window ${index + 1}`, windows.window]);
    assertWithin(relativeError([nll / tokens], [summary.windowNll[index]]), 1e-6, name);
  });
  for (const name of ["perplexity", "bitsPerByte", "kl", "agreement"] as const) {
    assertWithin(relativeError([summary[name]!], [expected[name]!]), 1e-9, name);
  }
  assert.ok(perplexity.low < perplexity.value && perplexity.value < perplexity.high);
});

Deno.test("of two documents of which one is scored, the windows are resampled too", async () => {
  assert.equal((await score([document(0, 3), document(1, 300)])).unit, "window");
  assert.equal((await score([document(0, 200), document(1, 300)])).unit, "document");
});

Deno.test("one window gives an interval of no width", async () => {
  const { summary, unit, perplexity: { low, value, high } } = await score([document(0, 40)]);
  assert.deepEqual([unit, summary.documents.length], ["window", 1]);
  assert.deepEqual([low, high], [value, value]);
});

Deno.test("a text with a token that the model does not know is refused", async () => {
  const small = tinySource({ ...TINY_CONFIG, vocabularySize: 100 }, 1);
  await assert.rejects(
    scoreDocuments(engine, small, "rhymes", documents, settings),
    (error) => error instanceof CheckpointError && /beyond the vocabulary/.test(error.message),
  );
});
