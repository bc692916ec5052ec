/** Every figure at every width and in every theme: nothing overlaps, is cut or is small. */

import assert from "node:assert/strict";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import type { Figure } from "../../lib/figures/figure.ts";
import { calibrationSizeFigure } from "../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { deltaDistributionFigure } from "../../lib/studies/anatomy_of_a_delta/delta_distribution.ts";
import { layerProfileFigure } from "../../lib/studies/anatomy_of_a_delta/layer_profile.ts";
import { seriesFigure } from "../../lib/figures/own_series.ts";
import { wallClockFigure } from "../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import {
  publishedCalibrationSizeRows,
  publishedWallClockRows,
} from "../../lib/studies/activation_aware_bitdelta/rows.ts";
import type { FigureOptions } from "../../lib/figures/theme.ts";
import { readPublishedNumbers } from "../../lib/studies/activation_aware_bitdelta/published.ts";
import {
  sampleCalibrationRows,
  sampleDensityRows,
  sampleProfileRows,
  samplePublishedRows,
  sampleWallClockRows,
} from "../studies/activation_aware_bitdelta/sample_rows.ts";
import { faultsOf } from "./text_boxes.ts";

type Draw = (options: FigureOptions) => Figure;

const study = await readPublishedNumbers();
const longPair = "an-unusually-long-name-of-a-base-model → Its_Fine_Tune.For.Something/Else-v0.1";

/** Rows with other numbers of samples, on a logarithmic axis that they crowd. */
function crowdedRows() {
  return Array.from({ length: 12 }, (_, index) => ({
    ...samplePublishedRows()[1],
    pair: longPair,
    calibrationSize: 1024 * 2 ** index,
    perplexity: 1234.5 + index,
  }));
}

const figures: Record<string, Draw> = {
  "wall clock": (options) =>
    wallClockFigure(sampleWallClockRows(), publishedWallClockRows(study), options),
  "wall clock, several out of memory": (options) =>
    wallClockFigure(
      [4, 8, 16, 32, 64, 128].flatMap((batchSize) =>
        sampleWallClockRows().slice(-2).map((row) => ({
          ...row,
          pair: longPair,
          batchSize,
          seconds: batchSize > 8 ? null : batchSize / 3,
          low: null,
          high: null,
        }))
      ),
      publishedWallClockRows(study),
      options,
    ),
  "calibration size": (options) =>
    calibrationSizeFigure(
      "wikitext",
      sampleCalibrationRows("wikitext"),
      publishedCalibrationSizeRows(study, "wikitext"),
      options,
    ),
  "calibration size, crowded": (options) =>
    calibrationSizeFigure("code", crowdedRows(), crowdedRows(), options),
  "own series": (options) =>
    seriesFigure(
      ["one", "two", "a third of a longer name"].flatMap((series, index) =>
        [1, 2, 4, 8].map((x) => ({
          panel: index > 1 ? "Right" : "Left",
          ...{ series, x, y: x + index, low: x, high: x + 2 },
        }))
      ),
      { ...options, xTitle: "Bits a weight", yTitle: "KL (nats a token), lower is better" },
    ),
  "distribution": (options) => deltaDistributionFigure(sampleDensityRows(), options),
  "distribution, logarithmic": (options) =>
    deltaDistributionFigure(sampleDensityRows(), {
      ...options,
      logScale: true,
      normal: true,
      quantity: "Entries of Δ by their standard deviation in the layer",
    }),
  "profile": (options) =>
    layerProfileFigure(sampleProfileRows(32), {
      ...options,
      quantity: "Energy of Δ in its 16 leading singular values, all layers (%)",
    }),
  "profile as bars": (options) =>
    layerProfileFigure(sampleProfileRows(4), { ...options, quantity: "‖Δ‖ / ‖W‖", bars: true }),
};

const widths = ["84mm", "113mm", "page", "300mm"] as const;

/** What a theme changes, the size of type, meets the narrowest panels in a column and the most of them on a page. */
const widthsOf = { paper: widths, talk: ["84mm", "page"] } as const;

for (const theme of ["paper", "talk"] as const) {
  for (const width of widthsOf[theme]) {
    for (const [name, draw] of Object.entries(figures)) {
      Deno.test(`${name}, ${width}, ${theme}: no text overlaps, is cut or is below 7 pt`, async () => {
        const figure = draw({ theme, width });
        assert.deepEqual(faultsOf(await renderSvg(figure)), []);
      });
    }
  }
}

Deno.test("panels stand side by side across a page and below each other in a column", () => {
  const domains = (width: "page" | "84mm") => {
    const { xaxis, xaxis2, yaxis, yaxis2 } = figures.profile({ width }).layout;
    return [xaxis, xaxis2, yaxis, yaxis2].map((axis) => (axis as { domain: number[] }).domain);
  };
  const [x, x2, y, y2] = domains("page");
  assert.ok(x[1] < x2[0]);
  assert.deepEqual(y, y2);
  const [narrowX, narrowX2, narrowY, narrowY2] = domains("84mm");
  assert.deepEqual(narrowX, narrowX2);
  assert.ok(narrowY2[1] < narrowY[0]);
});

Deno.test("titles side by side are level, however many lines the subtitles below them take", () => {
  const { annotations } = figures["wall clock, several out of memory"]({ width: "page" }).layout;
  const texts = annotations as unknown as { text: string; yshift: number }[];
  const lines = texts.filter(({ text }) => text.includes("→")).map(({ text }) =>
    text.split("<br>").length
  );
  assert.ok(new Set(lines).size > 1);
  const [ours, published] = ["<b>Measured here</b>", "<b>Published</b>"].map((title) =>
    texts.find(({ text }) => text === title)!.yshift
  );
  assert.equal(ours, published);
});

Deno.test("the check sees what overlaps, is cut or is small", async () => {
  const draw = (annotations: object[]) =>
    renderSvg({
      data: [],
      layout: {
        width: 300,
        height: 200,
        xaxis: { visible: false },
        yaxis: { visible: false },
        annotations: annotations.map((each) => ({ showarrow: false, ...each })),
      } as Figure["layout"],
    });
  const at = (text: string, x: number, size = 12) => ({
    text,
    xref: "paper",
    x,
    y: 1,
    font: { size },
  });
  assert.deepEqual(faultsOf(await draw([at("one", 0.2), at("two", 0.8)])), []);
  assert.deepEqual(faultsOf(await draw([at("one", 0.2), at("two", 0.2)])), [
    "'one' and 'two' overlap",
  ]);
  assert.deepEqual(faultsOf(await draw([{ ...at("beyond the edge", 0), xshift: -90 }])), [
    "'beyond the edge' is cut",
  ]);
  assert.deepEqual(faultsOf(await draw([at("tiny", 0.5, 9)])), ["'tiny' has 6.75 pt"]);
  assert.deepEqual(faultsOf(await draw([at("H<sub>2</sub>", 0.5)])), ["'H2' has 6.3 pt"]);
});
