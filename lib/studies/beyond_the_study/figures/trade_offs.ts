/**
 * What fidelity takes, a panel a pair: bytes of a delta (the frontier) or seconds of making it (the price) against KL
 * from the fine-tune, every method at the size and text where all of them stand.
 */

import { aboveZero } from "./above_zero.ts";
import { type Figure, ReportError } from "../../../figures/figure.ts";
import { lineFigure } from "../../../figures/line_figure.ts";
import { pointPanel } from "../../../figures/point_panel.ts";
import type { CurvePoint } from "../../../figures/series.ts";
import { figureFrame, type FigureOptions } from "../../../figures/theme.ts";
import {
  type BeyondModelResult,
  type BeyondStudyResults,
  centralModels,
  type MadeDelta,
  medianOf,
} from "../results.ts";
import { levelOf, textsOf } from "../wins.ts";
import { groupsOf, seriesOf } from "./looks.ts";

/** What is paid for fidelity. */
export type Paid = "bytes" | "seconds";

/** A point of the figure. */
export interface TradeOffRow {
  /** The pair. */
  readonly pair: string;
  /** The method in its variant, and the settings that tell its models apart. */
  readonly model: string;
  /** Bytes of the whole delta for a weight of the model; or seconds. */
  readonly x: number;
  /** Mean KL on general text and that of the pair's own domain, in nats a token. */
  readonly kl: number;
  /** 95 % interval over documents and seeds. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

const TITLES: Readonly<Record<Paid, string>> = {
  bytes: "Bytes of the whole delta for each weight of the model",
  seconds: "Seconds of making the delta",
};

const PAID: Readonly<Record<Paid, (delta: MadeDelta) => number>> = {
  bytes: ({ bytes, fidelity }) => bytes / fidelity.parameters,
  seconds: ({ seconds }) => seconds,
};

/**
 * The points of a figure, pair by pair.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, gatherBeyond, tradeOffRows } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.deepEqual(tradeOffRows(results, "bytes"), []);
 * ```
 */
export function tradeOffRows(results: BeyondStudyResults, paid: Paid): TradeOffRow[] {
  return results.protocol.pairs.flatMap(({ name: pair }) =>
    centralModels(results, pair).map((model): TradeOffRow => {
      const { x, y, low, high } = pointOf(model, paid, results);
      return { pair, model: model.label, x, kl: y, low: low!, high: high! };
    })
  );
}

/**
 * Draws the frontier, or the price. A model that is the fine-tune itself has no place on a logarithmic axis and is left
 * to the tables.
 *
 * @throws {ReportError} if nothing was compressed.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, gatherBeyond, ReportError, tradeOffFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.throws(() => tradeOffFigure(results, "bytes"), ReportError); // nothing was measured
 * ```
 */
export function tradeOffFigure(
  results: BeyondStudyResults,
  paid: Paid,
  options: FigureOptions = {},
): Figure {
  const all = results.protocol.pairs.flatMap(({ name }) => centralModels(results, name));
  if (all.length === 0) {
    throw new ReportError({
      problem: "there is nothing to draw",
      option: "results",
      value: "no compressed models",
      expected: "at least one",
    });
  }
  const drawn = aboveZero(all.map((model) => pointOf(model, paid, results)));
  const xs = drawn.map(({ x }) => x);
  const lines = seriesOf(all);
  const panels = results.protocol.pairs.map(({ name }, index, pairs) => {
    const here = centralModels(results, name);
    const series = lines.map(({ look, has }) => ({
      look,
      // Of many models bars of documents that all share would hide the points: they stand in tables and rows.
      points: aboveZero(here.filter(has).map((model) => pointOf(model, paid, results)))
        .map(({ x, y }) => ({ x, y, low: null, high: null })),
    })).filter(({ points }) => points.length > 0);
    return {
      title: name,
      subtitle: "",
      xTitle: TITLES[paid],
      yTitle: "KL (nats a token), lower is nearer",
      share: 1,
      isJoined: index < pairs.length - 1,
      ...pointPanel(series, xs),
    };
  });
  const figure = lineFigure(panels, groupsOf(lines), figureFrame(options));
  if (paid === "bytes") return figure;
  // Times have no order that a line could follow.
  return { ...figure, data: figure.data.map((trace) => ({ ...trace, mode: "markers" })) };
}

function pointOf(
  model: BeyondModelResult,
  paid: Paid,
  results: BeyondStudyResults,
): CurvePoint {
  const { value: y, low, high } = levelOf(model, textsOf(model, results).both, "kl", results);
  return { x: medianOf(model, PAID[paid]), y, low, high };
}
