import assert from "node:assert/strict";
import { join } from "node:path";
import {
  CheckpointError,
  ConfigError,
  DeltaError,
  TextError,
  TokenizerError,
} from "../lib/errors.ts";
import { Pair } from "../lib/pair.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./checkpoint/tiny_checkpoint.ts";
import { engine, saveSmallPair, smallTexts } from "./study/small_study.ts";

const windows = { context: 16, window: 8 };

/** Files that this process has open in a folder; `null` where the system does not tell. */
function openFiles(folder: string): string[] | null {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
      try {
        const path = Deno.readLinkSync(`/proc/self/fd/${name}`);
        return path.startsWith(folder) ? [path] : [];
      } catch {
        return []; // The folder itself was open while it was read.
      }
    });
  } catch {
    return null;
  }
}

Deno.test("a pair is extracted, calibrated, applied and evaluated", async () => {
  await using folder = await temporaryFolder();
  const { base, fine } = await saveSmallPair(folder.path);
  await using pair = await Pair.open(base, fine, { engine, windows });
  const texts = await smallTexts.calibration(1);
  const text = pair.text("rhyme", await smallTexts.evaluation("wikitext"));
  const reference = await pair.reference(text);
  const method = { kind: "activation-aware", variant: "corrected", rows: 64 } as const;
  const { delta, losses } = await pair.calibrate(method, texts);
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
  await using folder = await temporaryFolder();
  const { base, fine } = await saveSmallPair(folder.path);
  await using pair = await Pair.open(base, fine, { engine, windows });
  const method = { kind: "distilled", variant: "corrected", steps: 3, batch: 1 } as const;
  const controller = new AbortController();
  const steps: number[] = [];
  const onProgress = ({ done }: { done: number }) => {
    steps.push(done);
    if (done === 2) controller.abort(new Error("enough"));
  };
  const watch = { onProgress, signal: controller.signal };
  const texts = await smallTexts.calibration(1);
  await assert.rejects(pair.calibrate(method, texts, watch), /enough/);
  assert.deepEqual(steps, [1, 2]);
});

Deno.test("what does not fit is refused: no text, short text, another base's delta", async () => {
  await using folder = await temporaryFolder();
  const { base, fine } = await saveSmallPair(folder.path);
  await using pair = await Pair.open(base, fine, { engine, windows });
  const method = { kind: "activation-aware", variant: "corrected", rows: 64 } as const;
  await assert.rejects(pair.calibrate(method, []), TextError);
  await assert.rejects(pair.calibrate(method, ["the cat"]), TextError);
  assert.throws(() => pair.text("nothing", []), TextError);
  await assert.rejects(
    pair.evaluate(pair.base, pair.text("short", [{ name: "a", text: "cat" }])),
    TextError,
  );
  const delta = await pair.extract();
  const foreign = { ...delta, metadata: { ...delta.metadata, baseHash: "0".repeat(64) } };
  await assert.rejects(pair.apply(foreign), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /was made for another base than 'base'/);
    return true;
  });
});

Deno.test("a pair that is disposed of has closed its files", async () => {
  await using folder = await temporaryFolder();
  const { base, fine } = await saveSmallPair(folder.path);
  const pair = await Pair.open(base, fine, { engine, windows });
  assert.notDeepEqual(openFiles(folder.path), []);
  await pair.evaluate(pair.base, pair.text("rhyme", await smallTexts.evaluation("code")));
  await pair[Symbol.asyncDispose]();
  assert.deepEqual(openFiles(folder.path) ?? [], []);
  await assert.rejects(pair.base.read("model.norm.weight"));
  await assert.rejects(pair.fine.read("model.norm.weight"));
});

Deno.test("a pair that cannot be opened says why and leaves no file open", async () => {
  await using folder = await temporaryFolder();
  const { base, fine } = await saveSmallPair(folder.path);
  const other = await saveTiny(join(folder.path, "other"));
  const refused = async (
    [baseFolder, fineFolder]: [string, string],
    error: typeof CheckpointError,
    message: RegExp,
  ) => {
    await assert.rejects(Pair.open(baseFolder, fineFolder, { engine }), (thrown) => {
      assert.ok(thrown instanceof error, `${thrown}`);
      assert.match(thrown.message, message);
      return true;
    });
    assert.deepEqual(openFiles(folder.path) ?? [], []);
  };
  await refused(
    [base, other],
    CheckpointError,
    new RegExp(`'vocab_size'.*got ${TINY_CONFIG.vocabularySize}; expected 284`),
  );
  await refused([base, join(folder.path, "none")], ConfigError, /none.config\.json/);
  await refused([join(folder.path, "none"), fine], ConfigError, /none.config\.json/);
  await Deno.remove(join(fine, "tokenizer.json"));
  await refused([base, fine], TokenizerError, /fine.tokenizer\.json/);
});
