import assert from "node:assert/strict";
import { domains } from "../../../../lib/texts/domains.ts";
import { calibrationSizeFigure } from "../../../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { wallClockFigure } from "../../../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import {
  publishedCalibrationSizeRows,
  publishedWallClockRows,
} from "../../../../lib/studies/activation_aware_bitdelta/figures/published_rows.ts";
import { readPublishedNumbers } from "../../../../lib/studies/activation_aware_bitdelta/published.ts";

Deno.test("published wall clock has its values, and what ran out of memory", async () => {
  const rows = publishedWallClockRows(await readPublishedNumbers());
  assert.equal(rows.length, 12);
  const seconds = (method: string, size: number) =>
    rows.find((row) => row.method === method && row.batchSize === size)!.seconds;
  assert.equal(seconds("distilled", 16), 315.36);
  assert.equal(seconds("distilled", 32), null);
  assert.equal(seconds("activation-aware", 32), 48.03);
  assert.equal(wallClockFigure(rows, rows).data.length, 4);
});

Deno.test("published perplexities have their values, in every domain", async () => {
  const study = await readPublishedNumbers();
  const finance = publishedCalibrationSizeRows(study, "finance");
  assert.equal(finance[0].perplexity, 10.315275192260742);
  assert.deepEqual(finance.slice(1).map((row) => [row.calibrationSize, row.perplexity]), [
    [32, 9.9019],
    [64, 9.8656],
    [128, 9.9126],
    [256, 9.9062],
    [512, 9.9083],
  ]);
  for (const domain of domains) {
    const rows = publishedCalibrationSizeRows(study, domain);
    assert.equal(calibrationSizeFigure(domain, rows, rows).data.length, 4);
  }
});
