import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { compress } from "../../lib/methods/compress.ts";
import { findMethod, methods } from "../../lib/methods/mod.ts";
import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { CheckpointError, OptionError, TextError } from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { dataReads } from "../checkpoint/data_reads.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { contents } from "../delta/signs_of_layers.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { engine } from "./oracle_pair.ts";
import { tinyPair } from "./tiny_pair.ts";

const LENGTH = 6;
const random = (lengths: number[]) =>
  randomSequences(lengths, LENGTH, TINY_CONFIG.vocabularySize, 3);
const sequences = random([6, 6, 3]);
/** As little work as a method of the list can do. */
const least = {
  ...{ rows: 4, steps: 1, batch: 2, aside: 2, start: "initial", families: "one" },
  ...{ rounds: 1, startRounds: 1, polishRounds: 1 },
};
const ofOne: Record<string, Record<string, number>> = {
  "bit-allocation": { bits: 16, slice: 2, ridge: 0.2 },
};
const little = (method: string) => ({
  ...Object.fromEntries(
    Object.entries(least).filter(([name]) => name in findMethod(method).settings),
  ),
  ...ofOne[method],
});

for (const { name } of methods) {
  Deno.test(`${name}: a model and itself are refused, Δ = 0 everywhere`, async () => {
    await using pair = await tinyPair();
    const choice = { method: name, settings: little(name) };
    const same = compress(engine, pair.base, pair.base, choice, sequences);
    await assert.rejects(same, (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, /holds the weights of its base '.*': Δ = 0 everywhere/);
      return true;
    });
  });

  Deno.test(`${name}: the delta tells its method, all settings and both hashes`, async () => {
    await using pair = await tinyPair();
    const choice = { method: name, settings: little(name) };
    const { delta } = await compress(engine, pair.base, pair.fine, choice, sequences);
    const { metadata } = delta;
    assert.equal(metadata.method, name);
    // What is found on the way, such as which candidate was kept, is told after them.
    const own = Object.keys(findMethod(name).settings);
    assert.deepEqual(Object.keys(metadata.settings).slice(0, own.length), own);
    assert.equal(metadata.baseHash, await pair.base.hash());
    assert.equal(metadata.fineHash, await pair.fine.hash());
    assert.deepEqual(delta.layers.size + delta.whole.size, 14 + 7);
  });
}

const enough = random([6, 6, 6, 6]);

/** Sequences with another number at one place. */
function changedAt(
  places: { tokens?: number; attentionMask?: number },
  value: number,
): CalibrationSequences {
  const changed = structuredClone(enough);
  for (const [field, at] of Object.entries(places)) {
    changed[field as "tokens" | "attentionMask"][at] = value;
  }
  return changed;
}

const refused = {
  "no text": ["activation-aware", null, /calibration text is missing.*'activation-aware'/],
  "no text to train on": ["distilled", null, /calibration text is missing.*'distilled'/],
  "too few tokens": ["activation-aware", random([5]), /too short: got '5 tokens'; expected 6/],
  "too few rows": ["activation-aware", random([6, 1]), /got '7 rows'; expected 256 rows/],
  "a token beyond the vocabulary": [
    "activation-aware",
    changedAt({ tokens: 13 }, 11),
    /does not know: got '11 as token 1 of sequence 2'; expected 0 to 10$/,
  ],
  "a token below zero": ["distilled", changedAt({ tokens: 0 }, -1), /got '-1 as token 0 of/],
  "a mask of another number": [
    "distilled",
    changedAt({ attentionMask: 5 }, 2),
    /mask that is none: got '2 at token 5 of sequence 0'; expected 1 for a token, 0 for padding$/,
  ],
  "fewer sequences than tokens for them": [
    "activation-aware",
    { ...enough, count: 5 },
    /not as long as they say: got '24 tokens with a mask of 24'; expected 5 times 6 of each$/,
  ],
  "too few sequences": ["distilled", random([6, 6, 6]), /got '3 sequences of 6.*expected 4/],
} as const;

for (const [name, [method, text, message]] of Object.entries(refused)) {
  Deno.test(`refused before a weight is read: ${name}`, async () => {
    await using pair = await tinyPair();
    const reads = await dataReads(async () => {
      await assert.rejects(compress(engine, pair.base, pair.fine, { method }, text), (error) => {
        assert.ok(error instanceof TextError);
        assert.match(error.message, message);
        return true;
      });
    });
    assert.equal(reads.size, 0);
  });
}

Deno.test("two models of other sizes are refused before a weight is read", async () => {
  await using pair = await tinyPair();
  await using other = await tinyPair({}, { ...TINY_CONFIG, intermediateSize: 44 });
  const reads = await dataReads(async () => {
    const made = compress(engine, pair.base, other.fine, { method: "initial" }, null);
    await assert.rejects(made, CheckpointError);
  });
  assert.equal(reads.size, 0);
});

Deno.test("a NaN is named by its tensor, wherever the walk meets it first", async () => {
  for (const tensor of ["model.norm.weight", "model.layers.1.mlp.down_proj.weight"]) {
    for (const role of ["base", "fine"] as const) {
      // A tensor that is kept whole is not asked for its numbers in the base.
      if (role === "base" && tensor === "model.norm.weight") continue;
      const change = (name: string, values: Float32Array) => {
        if (name === tensor) values[3] = NaN;
      };
      await using folder = await temporaryFolder();
      const open = async (of: "base" | "fine", seed: number) => {
        const options = { seed, change: of === role ? change : undefined };
        return await Checkpoint.open(await saveTiny(join(folder.path, of), options));
      };
      using base = await open("base", 1);
      using fine = await open("fine", 2);
      const choice = { method: "activation-aware", settings: { rows: 4 } };
      const made = compress(engine, base, fine, choice, sequences);
      await assert.rejects(made, (error) => {
        assert.ok(error instanceof CheckpointError);
        const file = join(folder.path, role, "model.safetensors");
        const place = `file '${file}', tensor '${tensor}'`;
        assert.equal(
          error.message,
          `${place}: element 3 is not finite: got NaN; expected finite weights`,
        );
        return true;
      });
    }
  }
});

Deno.test("training comes after its start, in progress as in work", async () => {
  await using pair = await tinyPair();
  const reports: Progress[] = [];
  const choice = { method: "distilled", settings: { steps: 3, batch: 2 } };
  const { losses } = await compress(engine, pair.base, pair.fine, choice, sequences, {
    onProgress: (report) => reports.push(report),
  });
  assert.equal(losses.length, 3);
  const steps = [1, 2, 3].map((done) => [done, 3]);
  const layers = Array.from({ length: 14 }, (_, index) => [index + 1, 14]);
  assert.deepEqual(reports.map(({ done, total }) => [done, total]), [...layers, ...steps]);
});

Deno.test("a compression that trains goes on from its state, and one that does not refuses it", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const state = join(folder.path, "state.safetensors");
  const { base, fine } = pair;
  const choice = { method: "distilled", settings: { steps: 4, batch: 2 } };
  const whole = await compress(engine, base, fine, choice, sequences);

  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ label, done }: Progress) =>
    label.startsWith("loss") && done === 3 && controller.abort(reason);
  const options = { state, onProgress, signal: controller.signal };
  await assert.rejects(compress(engine, base, fine, choice, sequences, options), reason);
  const steps: number[] = [];
  const resumed = await compress(engine, base, fine, choice, sequences, {
    state,
    onProgress: ({ label, done }) => label.startsWith("loss") && steps.push(done),
  });
  assert.deepEqual(steps, [4]);
  assert.deepEqual(resumed.losses, whole.losses);
  assert.deepEqual(await contents(resumed.delta), await contents(whole.delta));

  const closed = { method: "activation-aware", settings: { rows: 4 } };
  await assert.rejects(
    compress(engine, base, fine, closed, sequences, { state }),
    (error) => error instanceof OptionError && error.fault.option === "state",
  );
});
