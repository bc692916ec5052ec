import assert from "node:assert/strict";
import { join } from "node:path";
import {
  CheckpointError,
  DeltaError,
  type InputError,
  TextError,
  TokenizerError,
} from "../../lib/util/errors.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { type TokenizedPair, tokenizedPair } from "../scripts/tokenized_pair.ts";
import { engine, smallTexts } from "./small_study.ts";

const windows = { context: 16, window: 8 };

Deno.test("a pair is extracted, compressed, applied and evaluated", async () => {
  await using files = await tokenizedPair();
  const { base, fine } = files;
  await using pair = await Pair.open(base, fine, { engine, windows });
  const texts = await smallTexts.calibration(1);
  const text = await pair.text("rhyme", await smallTexts.evaluation("wikitext"));
  const reference = await pair.reference(text);
  const method = { method: "activation-aware", settings: { rows: 64 } };
  const { delta, losses } = await pair.compress(method, texts);
  assert.deepEqual(losses, []);
  const kl = async (model: Parameters<Pair["evaluate"]>[0]) =>
    (await pair.evaluate(model, text, reference)).kl!;
  const [ofBase, ofInitial, ofAware, ofFine] = [
    await kl(pair.base),
    await kl(await pair.apply(await pair.extract())),
    await kl(await pair.apply(delta)),
    await kl(pair.fine),
  ];
  assert.equal(ofFine, 0);
  assert.ok(ofInitial > 0 && ofInitial < ofBase, `${ofInitial} ${ofBase}`);
  assert.ok(ofAware > 0 && ofAware < ofBase, `${ofAware} ${ofBase}`);
  const { kl: unknown, perplexity } = await pair.evaluate(pair.fine, text);
  assert.equal(unknown, null);
  assert.ok(perplexity > 1);
});

Deno.test("a distillation reports its steps and can be stopped", async () => {
  await using files = await tokenizedPair();
  const { base, fine } = files;
  await using pair = await Pair.open(base, fine, { engine, windows });
  const method = { method: "distilled", settings: { steps: 3, batch: 1 } };
  const controller = new AbortController();
  const steps: number[] = [];
  const onProgress = ({ done }: { done: number }) => {
    steps.push(done);
    if (done === 2) controller.abort(new Error("enough"));
  };
  const watch = { onProgress, signal: controller.signal };
  const texts = await smallTexts.calibration(1);
  await assert.rejects(pair.compress(method, texts, watch), /enough/);
  assert.deepEqual(steps, [1, 2]);
});

Deno.test("what does not fit is refused: no text, short text, another base's delta", async () => {
  await using files = await tokenizedPair();
  const { base, fine } = files;
  await using pair = await Pair.open(base, fine, { engine, windows });
  const method = { method: "activation-aware", settings: { rows: 64 } };
  await assert.rejects(pair.compress(method, []), TextError);
  await assert.rejects(pair.compress(method, ["the cat"]), TextError);
  await assert.rejects(pair.text("nothing", []), TextError);
  await assert.rejects(
    pair.evaluate(pair.base, await pair.text("short", [{ name: "a", text: "cat" }])),
    TextError,
  );
  await using reverse = await Pair.open(fine, base, { engine, windows });
  await assert.rejects(pair.apply(await reverse.extract()), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /was made for another base than 'base'/);
    return true;
  });
});

Deno.test("a pair without a tokenizer is compressed by a method that reads no text, and by no other", async () => {
  await using files = await tokenizedPair();
  const { base, fine } = files;
  for (const each of [base, fine]) await Deno.remove(join(each, "tokenizer.json"));
  await using pair = await Pair.open(base, fine, { engine, windows });
  const { delta } = await pair.compress({ method: "initial" });
  assert.equal((await pair.apply(delta)).delta, delta);
  const method = { method: "activation-aware", settings: { rows: 64 } };
  await assert.rejects(pair.compress(method, ["the cat"]), (error) => {
    assert.ok(error instanceof TokenizerError);
    assert.match(error.message, /fine.tokenizer\.json/);
    return true;
  });
});

Deno.test("a method that reads no text is given enough all the same, or none", async () => {
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine, windows });
  await assert.rejects(pair.compress({ method: "initial" }, ["the cat"]), TextError);
  const texts = await smallTexts.calibration(1);
  const { delta } = await pair.compress({ method: "initial" }, texts);
  assert.deepEqual(delta.layers, (await pair.extract()).layers);
});

Deno.test({
  name: "a pair that is disposed of has closed its files",
  sanitizeResources: true,
  async fn() {
    await using files = await tokenizedPair();
    const pair = await Pair.open(files.base, files.fine, { engine, windows });
    await pair.evaluate(pair.base, await pair.text("rhyme", await smallTexts.evaluation("code")));
    await pair[Symbol.asyncDispose]();
    await assert.rejects(pair.base.read("model.norm.weight"));
    await assert.rejects(pair.fine.read("model.norm.weight"));
  },
});

/** Folders that are no pair, made from a good pair's, and what is said of them. */
const refused: readonly {
  what: string;
  folders: (files: TokenizedPair) => Promise<[base: string, fine: string]>;
  error: typeof InputError;
  message: RegExp;
}[] = [
  {
    what: "a fine-tune of another shape",
    folders: async ({ folder, base }) => {
      const config = { ...TINY_CONFIG, layerCount: 3 };
      return [base, await saveTiny(join(folder, "other"), { config })];
    },
    error: CheckpointError,
    message: /other.config\.json', option 'num_hidden_layers'.*got 3; expected 2/,
  },
  {
    what: "no fine-tune",
    folders: ({ folder, base }) => Promise.resolve([base, join(folder, "none")]),
    error: CheckpointError,
    message: /none': there is no such folder/,
  },
  {
    what: "no base",
    folders: ({ folder, fine }) => Promise.resolve([join(folder, "none"), fine]),
    error: CheckpointError,
    message: /none': there is no such folder/,
  },
];

for (const { what, folders, error, message } of refused) {
  Deno.test({
    name: `a pair with ${what} is refused, and no file left open`,
    sanitizeResources: true,
    async fn() {
      await using files = await tokenizedPair();
      const [base, fine] = await folders(files);
      await assert.rejects(Pair.open(base, fine, { engine }), (thrown) => {
        assert.ok(thrown instanceof error, `${thrown}`);
        assert.match(thrown.message, message);
        return true;
      });
    },
  });
}

Deno.test("a model of few positions is compressed, and refused where a text is scored in longer windows", async () => {
  await using folder = await temporaryFolder();
  const [base, fine] = await Promise.all(
    [1, 2].map((seed) => saveTiny(join(folder.path, String(seed)), { seed })),
  );
  await using pair = await Pair.open(base, fine, { engine, windows: { context: 64, window: 1 } });
  const delta = await pair.extract();
  const tokens = new Int32Array(80);
  const text = { name: "t", tokens, bytes: tokens, documentOf: tokens, documents: ["t"] };
  await assert.rejects(
    pair.evaluate(await pair.apply(delta), text),
    /windows are longer than the model's positions: got 65; expected at most 64/,
  );
});
