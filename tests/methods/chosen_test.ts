import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { tensorNames, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { deltaBytes } from "../../lib/delta/delta_size.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import {
  compress,
  compressToFile,
  type CompressToFileOptions,
} from "../../lib/methods/compress.ts";
import type { Chosen, ClosedForm, Method, MethodChoice } from "../../lib/methods/method.ts";
import { madeFrom, methods, readsText } from "../../lib/methods/mod.ts";
import { type CalibrationSequences, takeSequences } from "../../lib/texts/sequences.ts";
import { DeltaError, OptionError, TextError } from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { filesIn, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { contents } from "../delta/signs_of_layers.ts";
import { assertWithin } from "../graph/closeness.ts";
import { klDivergence } from "../graph/plain/likelihood.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { killedEverywhere } from "../util/killed_everywhere.ts";
import { crude } from "./crude.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

const LENGTH = 6;
const { vocabularySize } = TINY_CONFIG;
// The last two are kept aside, a padded one among them.
const sequences = randomSequences([6, 6, 3, 6, 5, 6], LENGTH, vocabularySize, 3);
const aside = takeSequences(sequences, 4, 2);

const CANDIDATES: readonly MethodChoice[] = [
  { method: "crude" },
  { method: "activation-aware", settings: { rows: 9 } },
  { method: "activation-aware", settings: { rows: 20 } },
];

/** A method that compares some. */
function picky(
  candidates: readonly MethodChoice[] = CANDIDATES,
  keptAside = 2,
): Chosen<{ aside: number }> {
  return {
    kind: "chosen",
    name: "picky",
    summary: "the nearest of a few",
    module: import.meta.url,
    settings: {
      aside: { kind: "whole number", default: keptAside, minimum: 0, maximum: 9, help: "kept" },
    },
    variants: {},
    sweep: null,
    look: { hue: "teal", marker: "star" },
    candidates: () => candidates,
    aside: ({ aside }) => aside,
  };
}

/** Methods stand in the list until the end of the scope. */
function listed(...added: Method[]): Disposable {
  methods.push(...added);
  return {
    [Symbol.dispose]() {
      for (const each of added) methods.splice(methods.indexOf(each), 1);
    },
  };
}

const choice = { method: "picky" };

async function plainLogits(model: WeightSource, tokens: Int32Array): Promise<Float64Array> {
  const weights: Record<string, Float64Array> = {};
  for (const name of tensorNames(model.config)) {
    weights[name] = Float64Array.from(await model.readFloat32(name));
  }
  const shape = { batch: 1, sequence: tokens.length };
  return decoderLogits(model.config, weights, Float64Array.from(tokens), shape);
}

/** Mean KL a token by the plain decoder, over windows of what is not padding. */
async function plainDivergence({ base, fine }: TinyPair, delta: Delta): Promise<number> {
  const real = aside.tokens.filter((_, at) => aside.attentionMask[at] === 1);
  const model = await applyDelta(base, delta);
  let [sum, count] = [0, 0];
  for (let begin = 0; begin + LENGTH <= real.length; begin += LENGTH) {
    const window = real.slice(begin, begin + LENGTH);
    const [ofFine, ofModel] = [await plainLogits(fine, window), await plainLogits(model, window)];
    // The last token predicts one that lies outside.
    for (const each of klDivergence(ofFine, ofModel, vocabularySize).slice(0, -1)) {
      sum += each;
      count++;
    }
  }
  return sum / count;
}

Deno.test("the nearest candidate on the text kept aside is kept, and tells how near each is", async () => {
  using _list = listed(crude, picky());
  await using pair = await tinyPair();
  const { delta } = await compress(engine, pair.base, pair.fine, choice, sequences);
  const { chosen, ...told } = delta.metadata.settings;
  const seen = takeSequences(sequences, 0, 4);
  const [base, fine] = [pair.base, pair.fine];
  const kls: number[] = [];
  const deltas: Delta[] = [];
  for (const candidate of CANDIDATES) {
    const made = await compress(engine, base, fine, candidate, seen);
    deltas.push(made.delta);
    kls.push(await plainDivergence(pair, made.delta));
  }
  const labels = [
    "crude",
    "activation-aware (corrected, rows 9)",
    "activation-aware (corrected, rows 20)",
  ];
  for (const [index, label] of labels.entries()) {
    assertWithin(Math.abs(Number(told[`KL of ${label}`]) / kls[index] - 1), 1e-4, label);
  }
  const best = kls.indexOf(Math.min(...kls));
  assert.equal(chosen, labels[best]);
  assert.equal(delta.metadata.method, "picky");
  assert.equal(told.aside, 2);
  assert.deepEqual((await contents(delta)).layers, (await contents(deltas[best])).layers);
});

Deno.test("one candidate is not compared: all of the text is its own", async () => {
  using _list = listed(picky([{ method: "activation-aware", settings: { rows: 32 } }], 0));
  await using pair = await tinyPair();
  const { delta } = await compress(engine, pair.base, pair.fine, choice, sequences);
  const { chosen, ...told } = delta.metadata.settings;
  assert.equal(chosen, "activation-aware");
  assert.ok(!Object.keys(told).some((name) => name.startsWith("KL of")));
});

Deno.test("candidates see the text but for what is kept aside", async () => {
  // 21 real tokens are left of the first four sequences.
  const rows = (count: number) => [{ method: "activation-aware", settings: { rows: count } }];
  await using pair = await tinyPair();
  {
    using _list = listed(picky(rows(21)));
    await compress(engine, pair.base, pair.fine, choice, sequences);
  }
  using _list = listed(picky(rows(22)));
  await assert.rejects(
    compress(engine, pair.base, pair.fine, choice, sequences),
    (error) => error instanceof TextError && /got '21 rows'; expected 22 rows/.test(error.message),
  );
});

const refused: Record<string, [CalibrationSequences | null, number, RegExp]> = {
  "no text": [null, 2, /calibration text is missing.*'picky'/],
  "all of it kept aside": [sequences, 6, /got '6 sequences'; expected more than the 6 that are/],
  "too little kept aside to score": [
    sequences,
    1,
    /kept aside: got '6 tokens in 1 sequences'; expected more than 6/,
  ],
};
for (const [name, [text, keptAside, message]] of Object.entries(refused)) {
  Deno.test(`refused, in memory and into a file that is not left behind: ${name}`, async () => {
    using _list = listed(picky([{ method: "initial" }], keptAside));
    await using pair = await tinyPair();
    await using folder = await temporaryFolder();
    const { base, fine } = pair;
    const path = join(folder.path, "delta");
    for (
      const action of [
        () => compress(engine, base, fine, choice, text),
        () => compressToFile(path, engine, base, fine, choice, text),
        () => compressToFile(path, engine, base, fine, choice, text, { state: `${path}.state` }),
      ]
    ) {
      await assert.rejects(action, (error) => {
        assert.ok(error instanceof TextError, String(error));
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(filesIn(folder.path), []);
    }
  });
}

Deno.test("a state without a file is refused", async () => {
  using _list = listed(crude, picky());
  await using pair = await tinyPair();
  await assert.rejects(
    compress(engine, pair.base, pair.fine, choice, sequences, { state: "state" }),
    OptionError,
  );
});

Deno.test("it reads text, is made from its candidates, and is planned as the largest of them", async () => {
  using _list = listed(crude, picky());
  await using pair = await tinyPair();
  assert.ok(readsText(choice));
  assert.deepEqual(madeFrom(choice), CANDIDATES);
  const plan = planDelta(pair.fine, choice);
  const sizes = CANDIDATES.map((each) => deltaBytes(planDelta(pair.fine, each)));
  assert.ok(sizes[0] > sizes[1]);
  assert.equal(deltaBytes(plan), Math.max(...sizes));
  assert.deepEqual([plan.metadata.method, plan.metadata.settings], ["picky", { aside: 2 }]);
});

/** Two methods that a comparison tells apart. */
function twoCandidates(onLayer: () => void = () => {}): ClosedForm<Record<never, never>>[] {
  return (["weight", "delta"] as const).map((role) => ({
    ...crude,
    name: `as ${role}`,
    form: (layer, settings) => ({ ...crude.form(layer, settings), role }),
    async compress(...given) {
      onLayer();
      return { ...await crude.compress(...given), role };
    },
  }));
}

interface Ran {
  readonly layers: number;
  readonly anew: string | null;
  readonly made: number;
  readonly reports: readonly Progress[];
}

/** Compresses into `<folder>/delta` two candidates, which count the layers that they make. */
async function run(
  folder: string,
  { base: { directory: base }, fine: { directory: fine } }: TinyPair,
  options: CompressToFileOptions = {},
): Promise<Ran> {
  let made = 0;
  const candidates = twoCandidates(() => made++);
  using _list = listed(...candidates, picky(candidates.map(({ name }) => ({ method: name }))));
  using opened = new DisposableStack();
  const [ofBase, ofFine] = [
    opened.use(await Checkpoint.open(base)),
    opened.use(await Checkpoint.open(fine)),
  ];
  const path = join(folder, "delta");
  const reports: Progress[] = [];
  const { delta, resumption } = await compressToFile(
    path,
    engine,
    ofBase,
    ofFine,
    choice,
    sequences,
    {
      state: `${path}.journal`,
      ...options,
      onProgress(report) {
        reports.push(report);
        options.onProgress?.(report);
      },
    },
  );
  delta[Symbol.dispose]();
  return { layers: resumption!.layers, anew: resumption!.anew, made, reports };
}

Deno.test("killed at any moment, the same bytes, and a layer that is done is not done again", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const copies = await killedEverywhere(folder.path, async () => {
    const { reports, made, layers } = await run(folder.path, pair);
    const all = Array.from({ length: 28 }, (_, index) => [index + 1, 28]);
    assert.deepEqual(reports.map(({ done, total }) => [done, total]), all);
    assert.match(reports[20].label, /^as delta: model\.layers\./);
    assert.deepEqual([made, layers], [28, 0]);
  });
  assert.deepEqual(filesIn(folder.path), ["delta"]);
  const path = join(folder.path, "delta");
  const expected = await Deno.readFile(path);
  assert.match((await readDelta(path)).metadata.settings.chosen as string, /^as (weight|delta)$/);
  const counts = new Set<number>();
  for (const [index, copy] of copies.entries()) {
    // Where the file is in its place a run begins anew, or what is left of it is not taken up.
    if (index % 19 === 0) {
      const { made, layers } = await run(copy, pair);
      assert.equal(made + layers, 28);
      assert.deepEqual(filesIn(copy), ["delta"]);
      assert.deepEqual(await Deno.readFile(join(copy, "delta")), expected);
      counts.add(layers);
    }
    await Deno.remove(copy, { recursive: true });
  }
  assert.ok(counts.size > 5, `${counts.size} different moments`);

  // The same bytes as by way of memory.
  const { delta } = await compressInMemory(pair);
  await writeDelta(`${path} at once`, delta);
  assert.deepEqual(await Deno.readFile(`${path} at once`), expected);
});

/** The comparison of {@linkcode run}, in memory. */
async function compressInMemory({ base, fine }: TinyPair) {
  const both = twoCandidates();
  using _list = listed(...both, picky(both.map(({ name }) => ({ method: name }))));
  return await compress(engine, base, fine, choice, sequences);
}

Deno.test("a run that is stopped goes on; one of another text begins anew, and what is wrong leaves nothing", async () => {
  await using pair = await tinyPair();
  await using folder = await temporaryFolder();
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ done }: Progress) => done === 18 && controller.abort(reason);
  await assert.rejects(run(folder.path, pair, { signal: controller.signal, onProgress }), reason);
  assert.ok(filesIn(folder.path).includes("delta.part-1"));
  const { made, layers, anew } = await run(folder.path, pair, {
    code: () => Promise.resolve("mended"),
  });
  assert.deepEqual([made, layers], [28, 0]);
  assert.match(anew!, /another code/);
  await Deno.remove(join(folder.path, "delta"));

  const failing: ClosedForm<Record<never, never>> = {
    ...crude,
    name: "failing",
    compress: () =>
      Promise.reject(new DeltaError({ problem: "is undefined", expected: "a scale" })),
  };
  using _list = listed(failing, picky([{ method: "initial" }, { method: "failing" }]));
  const { base, fine } = pair;
  const path = join(folder.path, "delta");
  const state = `${path}.journal`;
  await assert.rejects(
    compressToFile(path, engine, base, fine, choice, sequences, { state }),
    DeltaError,
  );
  assert.deepEqual(filesIn(folder.path), []);
});
