/** A comparison against the same calls by hand, and what it refuses. */

import assert from "node:assert/strict";
import { compareMethods } from "../../../lib/studies/comparison/comparison.ts";
import type { MethodChoice } from "../../../lib/methods/method.ts";
import { textFile } from "../../../lib/texts/text_file.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import { klOf, pairedBootstrapInterval, perplexityOf } from "../../../lib/evaluation/bootstrap.ts";
import type { ScoreSummary } from "../../../lib/evaluation/scores.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { Pair } from "../../../lib/experiments/pair.ts";
import { comparisonTable } from "../../../lib/studies/comparison/report.ts";
import { comparisonFigure } from "../../../lib/studies/comparison/figure.ts";
import { formatCells } from "../../../lib/tables/table.ts";
import { tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { sentences } from "../../experiments/small_study.ts";

const aware = { method: "activation-aware", settings: { rows: 64 } };
const methods: readonly MethodChoice[] = [{ method: "initial" }, aware];
const calibration = [sentences(7, 40)];
const windows = { context: 64, window: 32 };

async function opened() {
  const files = await tokenizedPair();
  const engine = onnxEngine({ threads: 1 });
  const pair = await Pair.open(files.base, files.fine, { engine, windows });
  const texts = [
    { name: "rows", documents: (await textFile(files.rows)).documents },
    { name: "one", documents: (await textFile(files.text)).documents },
  ];
  return {
    pair,
    texts,
    async [Symbol.asyncDispose]() {
      await pair[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
}

Deno.test("rows are the scores of each model on each text, against the first method on the same documents", async () => {
  await using given = await opened();
  const { pair, texts } = given;
  const rows = await compareMethods(pair, { methods, texts, calibration, bootstrapSeed: 5 });
  assert.deepEqual(
    rows.map(({ text, method, variant }) => [text, method, variant]),
    ["rows", "one"].flatMap((text) => [
      [text, "base", null],
      [text, "fine", null],
      [text, "initial", null],
      [text, "activation-aware", "corrected"],
    ]),
  );
  const text = await pair.text("rows", texts[0].documents);
  const reference = await pair.reference(text);
  const score = async (model: Parameters<Pair["evaluate"]>[0]) =>
    await pair.evaluate(model, text, reference);
  const byHand: ScoreSummary[] = [
    await score(pair.base),
    await score(pair.fine),
    await score(await pair.apply((await pair.compress({ method: "initial" })).delta)),
    await score(await pair.apply((await pair.compress(aware, calibration)).delta)),
  ];
  byHand.forEach(({ perplexity, kl, agreement, bitsPerByte }, index) => {
    const row = rows[index];
    assert.deepEqual(
      [row.perplexity, row.kl, row.agreement, row.bitsPerByte],
      [perplexity, kl, agreement, bitsPerByte],
    );
  });
  const [base, fine, initial, last] = byHand.map(({ documents }) => documents);
  const paired = (a: typeof base, b: typeof base, of: typeof klOf) =>
    pairedBootstrapInterval(a, b, of, 5);
  assert.deepEqual(rows[3].againstFine, paired(last, fine, perplexityOf));
  assert.deepEqual(rows[3].againstFirst, paired(last, initial, perplexityOf));
  assert.deepEqual(rows[3].klAgainstFirst, paired(last, initial, klOf));
  assert.deepEqual(rows[0].againstFine, paired(base, fine, perplexityOf));
  // The pair's own models are no methods, and nothing is held against itself.
  for (const row of rows.slice(0, 3)) {
    assert.deepEqual([row.againstFirst, row.klAgainstFirst], [null, null]);
  }
  assert.equal(rows[1].againstFine, null);
  assert.equal(rows[0].drawn, `${base.length} documents`);
  // A text of one document: its windows are drawn.
  assert.match(rows[7].drawn, /^\d+ windows$/);
  assert.ok(rows[7].againstFirst!.low <= rows[7].againstFirst!.high);
});

const row = {
  text: "a",
  method: "initial",
  variant: null,
  settings: null,
  perplexity: 12,
  againstFine: { value: 0.2, low: 0.1, high: 0.3 },
  againstFirst: null,
  kl: 0.5,
  klAgainstFirst: null,
  agreement: 0.75,
  bitsPerByte: 1.5,
  drawn: "4 documents",
} as const;
const made = [
  { ...row, method: "fine", perplexity: 10, againstFine: null, kl: 0, agreement: 1 },
  row,
  {
    ...row,
    method: "distilled",
    variant: "corrected",
    perplexity: 9,
    againstFine: { value: -0.1, low: -0.2, high: 0.05 },
    againstFirst: { value: -0.25, low: -0.3, high: -0.2 },
    kl: 0.25,
    klAgainstFirst: { value: -0.5, low: -0.6, high: -0.4 },
  },
] as const;

Deno.test("its table has both differences with their intervals, in per cent", () => {
  const table = comparisonTable({ pair: "b → f", windows, calibration: "words.txt" }, made);
  assert.deepEqual(table.columns.map(({ name }) => name).slice(2, 6), [
    "Perplexity",
    "Against initial (%)",
    "KL (nats a token)",
    "KL against initial (%)",
  ]);
  assert.deepEqual(formatCells(table), [
    ["a", "fine-tune", "10.000", "–", "0.0000", "–", "100.0", "1.500"],
    ["a", "initial", "12.000", "–", "0.5000", "–", "75.0", "1.500"],
    [
      ...["a", "distilled, corrected", "9.000", "−25.00 [−30.00, −20.00]", "0.2500"],
      ...["−50.00 [−60.00, −40.00]", "75.0", "1.500"],
    ],
  ]);
  assert.match(table.note!, /\(a: 4 documents\).*Calibration text: words\.txt\./);
});

Deno.test("its figure shows each model's numbers with its interval, by text, and no line between texts", () => {
  const { data } = comparisonFigure("b → f", made);
  const of = (axis: string) =>
    data.filter(({ yaxis }) => yaxis === axis).map((trace) => {
      const { y, error_y: error, mode } = trace as Record<string, unknown> & {
        error_y?: { array: number[]; arrayminus: number[] };
      };
      return { y, mode, error: error && [error.arrayminus, error.array] };
    });
  const near = (found: unknown, expected: unknown) =>
    assert.deepEqual(
      JSON.parse(JSON.stringify(found), (_, value) =>
        typeof value === "number" ? Math.round(1e9 * value) / 1e9 : value),
      expected,
    );
  // KL of the second, set at its own number: 0.5 · (1 − 0.6) to 0.5 · (1 − 0.4).
  near(of("y").map(({ y }) => y), [[0.5], [0.25]]);
  near(of("y")[1].error, [[0.05], [0.05]]);
  near(of("y2").map(({ y }) => y), [[20], [-10]]);
  near(of("y2")[1].error, [[10], [15]]);
  assert.ok(data.every(({ mode }) => mode === "markers"));
});

Deno.test("one method with two settings is two models, told apart in table and figure", async () => {
  await using given = await opened();
  const { pair, texts } = given;
  const choices = [64, 32].map((rows) => ({ ...aware, settings: { rows } }));
  const options = { methods: choices, texts: texts.slice(0, 1), calibration, bootstrapSeed: 5 };
  const rows = await compareMethods(pair, options);
  const labels = ["64", "32"].map((size) => `activation-aware, corrected (rows ${size})`);
  const table = comparisonTable({ pair: "b → f", windows, calibration: "words.txt" }, rows);
  assert.deepEqual(table.rows.map(([, model]) => model), ["base", "fine-tune", ...labels]);
  assert.equal(table.columns[3].name, `Against ${labels[0]} (%)`);
  const { data } = comparisonFigure("b → f", rows);
  const markers = data.slice(0, 2).map(({ marker }) => (marker as { symbol: string }).symbol);
  assert.deepEqual(markers, ["circle", "square"]);
  assert.deepEqual(data.map(({ x }) => (x as number[]).length), [1, 1, 1, 1]);
});

Deno.test("a row of a method that there is not is refused by figure and table", () => {
  const odd = [...made, { ...row, method: "toy" }];
  const subject = { pair: "b → f", windows, calibration: "words.txt" };
  for (const use of [() => comparisonTable(subject, odd), () => comparisonFigure("b → f", odd)]) {
    assert.throws(use, /names no model: got 'toy'/);
  }
});

const refused = [
  { what: "no method", change: { methods: [] }, message: /option 'methods': there is nothing/ },
  {
    what: "a method twice",
    change: { methods: [aware, { ...aware, variant: "corrected" }] },
    message: /option 'methods': has one twice: got 'activation-aware, corrected, .*"rows":64/,
  },
  {
    what: "a method that there is not",
    change: { methods: [{ method: "toy" }] },
    message: /option 'method': names no method: got 'toy'/,
  },
  {
    what: "no text",
    change: { texts: [] },
    message: /option 'texts': there is nothing to compare/,
  },
];

for (const { what, change, message } of refused) {
  Deno.test(`a comparison of ${what} is refused`, async () => {
    await using given = await opened();
    const { pair, texts } = given;
    const options = { methods, texts, calibration, bootstrapSeed: 5, ...change };
    await assert.rejects(compareMethods(pair, options), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, message);
      return true;
    });
  });
}
