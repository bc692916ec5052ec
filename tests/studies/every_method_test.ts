/** That no figure, table or sentence passes over a method: one that only this test knows, and one that is none. */

import assert from "node:assert/strict";
import type { Figure } from "../../lib/figures/figure.ts";
import { palette } from "../../lib/figures/style.ts";
import type { Method } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";
import {
  calibrationSizeCaption,
  wallClockCaption,
} from "../../lib/studies/activation_aware_bitdelta/captions.ts";
import { calibrationSizeFigure } from "../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { wallClockFigure } from "../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import {
  calibrationSizeFindings,
  pairFindings,
  wallClockFindings,
} from "../../lib/studies/activation_aware_bitdelta/findings.ts";
import { studyDigest } from "../../lib/studies/activation_aware_bitdelta/digest.ts";
import { writeStudyReport } from "../../lib/studies/activation_aware_bitdelta/report.ts";
import { readPublishedNumbers } from "../../lib/studies/activation_aware_bitdelta/published.ts";
import {
  gatherResults,
  type StudyResults,
} from "../../lib/studies/activation_aware_bitdelta/results.ts";
import {
  calibrationSizeRows,
  publishedCalibrationSizeRows,
  publishedWallClockRows,
  wallClockRows,
} from "../../lib/studies/activation_aware_bitdelta/rows.ts";
import { fidelityTable } from "../../lib/studies/activation_aware_bitdelta/tables/fidelity.ts";
import {
  perplexityTable,
  wallClockTable,
} from "../../lib/studies/activation_aware_bitdelta/tables/study_tables.ts";
import type { ComparisonRow } from "../../lib/studies/comparison/comparison.ts";
import { comparisonFigure } from "../../lib/studies/comparison/figure.ts";
import { comparisonTable } from "../../lib/studies/comparison/report.ts";
import type { Table } from "../../lib/tables/table.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { madeUpMeasurements, madeUpProtocol } from "./activation_aware_bitdelta/made_up_study.ts";

const published = await readPublishedNumbers();
const without = gatherResults(madeUpMeasurements(), madeUpProtocol.bootstrapSeed);

/** What was found of one method told of another too, in a variant of its own. */
function withToy(variant: string): StudyResults {
  const copied = <Row extends { method: string; variant: unknown }>(rows: readonly Row[]) => [
    ...rows,
    ...rows.filter((each) => each.method === "activation-aware" && each.variant !== "corrected")
      .map((each) => ({ ...each, method: "toy", variant })),
  ];
  const { quality, cost, wallClock } = without;
  const results = { quality: copied(quality), cost: copied(cost), wallClock: copied(wallClock) };
  return { ...without, ...results } as StudyResults;
}

const comparisonRows: ComparisonRow[] = ["fine", "initial", "toy"].map((method) => ({
  ...{ text: "a text", method, variant: method === "toy" ? "odd" : null, settings: null },
  ...{ perplexity: 2, againstFine: null, againstFirst: null, kl: 1, klAgainstFirst: null },
  ...{ agreement: 0.5, bitsPerByte: 1, drawn: "1 document" },
}));

/** Everything that is made of rows, by name. */
function everything(results: StudyResults): Record<string, () => Figure | Table | string> {
  const curves = () => calibrationSizeRows(results, madeUpProtocol, "code");
  const times = () => wallClockRows(results);
  const subject = { pair: "a → b", windows: madeUpProtocol.windows, calibration: "words" };
  return {
    "figure of calibration sizes": () =>
      calibrationSizeFigure("code", curves(), publishedCalibrationSizeRows(published, "code")),
    "figure of wall clock": () => wallClockFigure(times(), publishedWallClockRows(published)),
    "figure of a comparison": () => comparisonFigure("a → b", comparisonRows),
    "caption of calibration sizes": () =>
      calibrationSizeCaption("code", madeUpProtocol, curves(), []),
    "caption of wall clock": () => wallClockCaption(madeUpProtocol, times(), []),
    "words on calibration sizes": () => calibrationSizeFindings(curves()),
    "words on wall clock": () => wallClockFindings(times()),
    "words on pairs": () => pairFindings(results, "corrected"),
    "Table 1": () => perplexityTable(results, madeUpProtocol, published),
    "Table 2": () => wallClockTable(results, madeUpProtocol, published),
    "table of fidelity": () => fidelityTable(results, madeUpProtocol),
    "table of a comparison": () => comparisonTable(subject, comparisonRows),
  };
}

const toy: Method = {
  ...methods[0],
  name: "toy",
  variants: { even: {}, odd: {} },
  sweep: null,
  look: { hue: "teal", marker: "star" },
};

for (const [name, make] of Object.entries(everything(withToy("odd")))) {
  Deno.test(`a method of the list is in each: ${name}`, () => {
    methods.push(toy);
    try {
      const made = make();
      assert.match(JSON.stringify(made), /toy/i);
      if (typeof made === "string" || !("data" in made)) return;
      const traces = made.data.filter(({ name }) => name === "toy, odd");
      assert.ok(traces.length > 0);
      for (const { marker } of traces) {
        const { symbol, line } = marker as { symbol: string; line: { color: string } };
        assert.deepEqual([symbol, line.color], ["star", palette.teal.light]);
      }
    } finally {
      methods.pop();
    }
  });

  Deno.test(`a method that is not in the list is refused by name: ${name}`, () => {
    assert.throws(make, /names no model: got 'toy'; expected fine, base, activation-aware/);
  });
}

for (const [name, make] of Object.entries(everything(withToy("unheard of")))) {
  if (name.includes("comparison")) continue;
  Deno.test(`a variant that a method has not is refused by name: ${name}`, () => {
    methods.push(toy);
    try {
      assert.throws(make, /is no variant of 'toy': got 'unheard of'; expected even, odd/);
    } finally {
      methods.pop();
    }
  });
}

Deno.test("a method's columns stand after the study's in Tables 1 and 2, and no published number in them", () => {
  methods.push(toy);
  try {
    const results = withToy("odd");
    for (
      const table of [
        perplexityTable(results, madeUpProtocol, published),
        wallClockTable(results, madeUpProtocol, published),
      ]
    ) {
      assert.equal(table.columns.at(-1)!.name, "Toy (odd)");
      const study = table.columns.findIndex(({ name }) =>
        name === "Activation-aware (study-faithful)"
      );
      for (const row of table.rows) {
        const [own, theirs] = [row.at(-1), row[study]];
        assert.deepEqual(own, row[0] === "ours" ? theirs : null);
      }
    }
  } finally {
    methods.pop();
  }
});

Deno.test("a study whose protocol names a further method reports it in every file that has models, and in its digest", async () => {
  methods.push(toy);
  try {
    await using folder = await temporaryFolder();
    const protocol = { ...madeUpProtocol, methods: ["toy"] };
    const results = gatherResults(madeUpMeasurements(protocol), protocol.bootstrapSeed);
    const paths = await writeStudyReport(folder.path, results, protocol, {
      formats: ["svg"],
    });
    // Claims are the study's, on its own methods.
    for (const path of paths.filter((each) => !each.includes("table-claims"))) {
      assert.match(await Deno.readTextFile(path), /toy/i, path);
    }
    const [head, ...rows] = studyDigest(results, protocol);
    assert.match(head, /activation-aware +toy \(odd\) +toy \(even\)$/);
    for (const row of rows.slice(0, 2)) assert.match(row, /\d\.\d{3} +\d+\.\d{3}$/);
  } finally {
    methods.pop();
  }
});
