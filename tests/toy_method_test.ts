/**
 * One file adds a method, one file adds a codec: this file has one of each, through the public face alone,
 * and both are everywhere that they are asked for once they stand in the two lists.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Command } from "commander";
import {
  bitsPerWeight,
  calibrationSizeCaption,
  calibrationSizeFigure,
  calibrationSizeRows,
  type ClosedForm,
  type Codec,
  codecs,
  compareMethods,
  comparisonFigure,
  deltaBytes,
  DeltaError,
  fidelityTable,
  float32Tensor,
  gatherResults,
  methods,
  type Notebook,
  openDelta,
  ops,
  OptionError,
  Pair,
  perplexityTable,
  readDelta,
  readPublishedNumbers,
  runStudy,
  toFloat32,
  wallClockTable,
  withParameters,
  writeDelta,
} from "../lib/mod.ts";
import { chosenMethods, withMethodOptions } from "../scripts/method_options.ts";
import { engine, smallStudy, smallTexts } from "./experiments/small_study.ts";
import { tokenizedPair } from "./scripts/tokenized_pair.ts";

/** M = left · right, a matrix of rank one. Two vectors are all that is stored of it. */
const outer: Codec = {
  name: "outer",
  module: import.meta.url,
  trainable: ["left", "right"],
  layout: ([outSize, inSize]) => ({
    left: { dtype: "F32", shape: [outSize, 1] },
    right: { dtype: "F32", shape: [1, inSize] },
  }),
  product(x, part) {
    const inner = ops.matmul(x, part("right"), { transposeSecond: true });
    return ops.matmul(inner, part("left"), { transposeSecond: true });
  },
  decode({ left, right }, [outSize, inSize]) {
    const [column, row] = [toFloat32(left), toFloat32(right)];
    return Float32Array.from(
      { length: outSize * inSize },
      (_, at) => column[Math.floor(at / inSize)] * row[at % inSize],
    );
  },
};

type ToySettings = { readonly rows: number; readonly share: number };

/** A share of Δ's first row, put into the first row; the rest of Δ is dropped. */
const toy: ClosedForm<ToySettings> = {
  kind: "closed form",
  name: "toy",
  summary: "the first row of a delta and nothing else",
  module: import.meta.url,
  settings: {
    rows: { kind: "whole number", default: 8, minimum: 1, maximum: 1000, help: "rows looked at" },
    share: { kind: "number", default: 1, minimum: 0, maximum: 1, help: "share of the row kept" },
  },
  variants: { whole: {}, half: { share: 0.5 } },
  sweep: "rows",
  look: { hue: "teal", marker: "star" },
  sees: () => "fine inputs",
  rows: ({ rows }) => ({ rows, padding: "counted" }),
  form: () => ({ role: "delta", terms: [{ codec: "outer", form: {} }] }),
  compress({ shape, base, fine, fineInputs }, { rows, share }) {
    const [outSize, inSize] = shape;
    assert.equal(fineInputs!.length, rows * inSize);
    const [from, to] = [toFloat32(base), toFloat32(fine)];
    const left = Float32Array.from({ length: outSize }, (_, row) => row === 0 ? 1 : 0);
    const right = Float32Array.from({ length: inSize }, (_, i) => share * (to[i] - from[i]));
    const parts = {
      left: float32Tensor(left, [outSize, 1]),
      right: float32Tensor(right, [1, inSize]),
    };
    return Promise.resolve({ shape, role: "delta", terms: [{ codec: "outer", form: {}, parts }] });
  },
};

/** Both stand in their lists until the end of the scope. */
function added(): Disposable {
  codecs.push(outer);
  methods.push(toy);
  return {
    [Symbol.dispose]() {
      methods.splice(methods.indexOf(toy), 1);
      codecs.splice(codecs.indexOf(outer), 1);
    },
  };
}

const windows = { context: 16, window: 8 };

Deno.test("a toy method compresses a pair, its delta is kept in a file, read by layer and scored", async () => {
  using _lists = added();
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine, windows });
  const texts = await smallTexts.calibration(1);
  const choice = { method: "toy", variant: "half", settings: { rows: 20 } };
  const { delta } = await pair.compress(choice, texts);
  assert.deepEqual(delta.metadata.settings, { rows: 20, share: 0.5 });
  const path = join(files.folder, "toy.safetensors");
  await writeDelta(path, delta);
  using stored = await openDelta(path);
  assert.equal(stored.metadata.method, "toy");

  // Two vectors of 32-bit floats a layer, whole tensors beside them.
  const shapes = [...stored.layers.values()].map(({ shape }) => shape);
  const weights = shapes.reduce((sum, [outSize, inSize]) => sum + outSize * inSize, 0);
  const vectors = shapes.reduce((sum, [outSize, inSize]) => sum + 4 * (outSize + inSize), 0);
  const whole = [...stored.whole.values()].reduce(
    (sum, { shape }) => sum + 2 * shape.reduce((all, side) => all * side, 1),
    0,
  );
  assert.equal(bitsPerWeight(stored), 8 * vectors / weights);
  assert.equal(deltaBytes(stored), vectors + whole);
  const file = await Deno.readFile(path);
  const header = Number(new DataView(file.buffer).getBigUint64(0, true));
  assert.equal(file.length - 8 - header, vectors + whole);

  const model = await pair.apply(stored);
  const name = "model.layers.0.mlp.up_proj.weight";
  const [ofModel, ofBase, ofFine] = [
    await model.readFloat32(name),
    await pair.base.readFloat32(name),
    await pair.fine.readFloat32(name),
  ];
  const inSize = shapes[0][1];
  ofModel.forEach((value, at) => {
    const moved = at < inSize ? 0.5 * (ofFine[at] - ofBase[at]) : 0;
    assert.ok(Math.abs(value - ofBase[at] - moved) <= 2 ** -22, `${name} ${at}`);
  });
  const text = await pair.text("rhyme", await smallTexts.evaluation("wikitext"));
  const reference = await pair.reference(text);
  const toyScores = await pair.evaluate(model, text, reference);
  const initialScores = await pair.evaluate(
    await pair.apply(await pair.extract()),
    text,
    reference,
  );
  assert.ok(toyScores.kl! > 0 && toyScores.kl !== initialScores.kl);
});

Deno.test("without its codec in the list a delta of it is refused by name, without its method that too", async () => {
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine, windows });
  const texts = await smallTexts.calibration(1);
  const path = join(files.folder, "toy.safetensors");
  {
    using _lists = added();
    await writeDelta(path, (await pair.compress({ method: "toy" }, texts)).delta);
  }
  await assert.rejects(readDelta(path), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /got 'outer'; expected signs/);
    return true;
  });
  await assert.rejects(pair.compress({ method: "toy" }, texts), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, /names no method: got 'toy'/);
    return true;
  });
});

Deno.test("a small study measures a toy method beside the study's own, and shows it everywhere", async () => {
  using _lists = added();
  await using files = await tokenizedPair();
  const study = smallStudy(files.folder, ["toy"]);
  const { protocol } = study;
  const { measurements, made } = await runStudy(study);
  assert.equal(made, measurements.length);
  assert.equal((await runStudy(study)).made, 0);
  const results = gatherResults(measurements, protocol.bootstrapSeed);
  const ofToy = results.quality.filter(({ method }) => method === "toy");
  const sizes = new Set(ofToy.map(({ calibrationSize }) => calibrationSize));
  assert.deepEqual([...sizes].sort(), [...protocol.calibrationSizes].sort());
  assert.deepEqual(new Set(ofToy.map(({ variant }) => variant)), new Set(["whole", "half"]));

  const published = await readPublishedNumbers();
  for (const table of [perplexityTable, wallClockTable]) {
    const names = table(results, protocol, published).columns.map(({ name }) => name);
    assert.deepEqual(names.slice(-2), ["Toy (half)", "Toy (whole)"]);
  }
  const described = fidelityTable(results, protocol).rows.map(([, method]) => method);
  assert.deepEqual(described.slice(-2), ["toy (half)", "toy (whole)"]);

  const rows = calibrationSizeRows(results, protocol, "wikitext");
  const { data } = calibrationSizeFigure("wikitext", rows, [], { panels: "measured" });
  const legend = [...new Set(data.map(({ name }) => name))];
  assert.ok(legend.indexOf("toy, half") > legend.indexOf("distilled, corrected"), String(legend));
  const markers = data.filter(({ name }) => name === "toy, whole").map(({ marker }) => marker);
  assert.ok(markers.length > 0);
  assert.deepEqual(
    new Set(markers.map((each) => (each as { symbol: string }).symbol)),
    new Set(["star"]),
  );
  assert.match(calibrationSizeCaption("wikitext", protocol, rows, []), /toy/);
});

Deno.test("a toy method is compared with others on a text of one's own", async () => {
  using _lists = added();
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine, windows });
  const rows = await compareMethods(pair, {
    methods: [{ method: "initial" }, { method: "toy" }, { method: "toy", settings: { share: 0 } }],
    texts: [{ name: "rhyme", documents: await smallTexts.evaluation("wikitext") }],
    calibration: await smallTexts.calibration(1),
    bootstrapSeed: 1,
  });
  const names = rows.map(({ method, settings }) => settings ? `${method}, ${settings}` : method);
  assert.deepEqual(names, ["base", "fine", "initial", "toy, share 1", "toy, share 0"]);
  const shown = new Set(comparisonFigure("base → fine", rows).data.map(({ name }) => name));
  assert.equal(shown.size, 3);
});

Deno.test("scripts have a toy method's options, and refuse what does not fit it", () => {
  using _lists = added();
  const command = () => withMethodOptions(new Command("compress")).exitOverride();
  const help = command().helpInformation();
  assert.match(help, /"toy"/);
  assert.match(help, /--share <number>/);
  assert.match(help, /share of the row kept/);
  const parsed = (...args: string[]) => command().parse(args, { from: "user" });
  const given = parsed("--method", "toy", "--variant", "half", "--rows", "9");
  assert.deepEqual(chosenMethods(given), [{
    method: "toy",
    variant: "half",
    settings: { rows: 9 },
  }]);
  assert.throws(
    () => chosenMethods(parsed("--method", "toy", "--steps", "3")),
    /--steps.*'toy'|'toy'.*--steps/s,
  );
  assert.throws(() => chosenMethods(parsed("--method", "toy", "--rows", "2000")), OptionError);
});

Deno.test("a notebook's parameter may be a toy method, held to its settings", () => {
  using _lists = added();
  const notebook: Notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "deno" } },
    cells: [{
      cell_type: "code",
      id: "a",
      metadata: { tags: ["parameters"] },
      source: 'const compression = { method: "initial" };',
      execution_count: null,
      outputs: [],
    }],
  };
  const inserted = (text: string) =>
    withParameters(notebook, new Map([["compression", text]]), "a.ipynb").cells[1].source;
  const chosen = '{"method":"toy","settings":{"share":0.25}}';
  assert.match(inserted(chosen), /toy/);
  assert.throws(
    () => inserted('{"method":"toy","settings":{"share":2}}'),
    /share.*got 2; expected a number from 0 to 1/,
  );
  assert.throws(() => inserted('{"method":"toy","settings":{"steps":2}}'), /steps/);
});
