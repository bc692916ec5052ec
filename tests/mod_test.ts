/** The public face has the verbs that the README names, and they are enough to draw a figure. */

import assert from "node:assert/strict";
import { join } from "node:path";
import * as bitdelta from "../lib/mod.ts";
import { temporaryFolder } from "./checkpoint/tiny_checkpoint.ts";
import {
  madeUpMeasurements,
  madeUpProtocol,
} from "./studies/activation_aware_bitdelta/made_up_study.ts";

Deno.test("the public face opens, extracts, compresses, saves, loads, applies, evaluates and draws", () => {
  const { Pair } = bitdelta;
  const verbs = [Pair.open, Pair.prototype.extract, Pair.prototype.compress, Pair.prototype.apply];
  const functions = [bitdelta.writeDelta, bitdelta.readDelta, bitdelta.saveCheckpoint];
  for (const verb of [...verbs, ...functions, Pair.prototype.evaluate, bitdelta.exportFigure]) {
    assert.equal(typeof verb, "function");
  }
});

Deno.test("a figure can be drawn from measurements with the public face alone", async () => {
  await using folder = await temporaryFolder();
  const published = await bitdelta.readPublishedNumbers();
  const results = bitdelta.gatherResults(madeUpMeasurements(), madeUpProtocol.bootstrapSeed);
  const rows = bitdelta.calibrationSizeRows(results, madeUpProtocol, "health");
  const theirs = bitdelta.publishedCalibrationSizeRows(published, "health");
  const figure = bitdelta.calibrationSizeFigure("health", rows, theirs);
  const [path] = await bitdelta.exportFigure(figure, join(folder.path, "health"), {
    formats: ["svg"],
  });
  const svg = await Deno.readTextFile(path);
  for (const label of ["activation-aware, corrected", "Perplexity, health", "Published"]) {
    assert.ok(svg.includes(label), label);
  }
});
