/**
 * Where one bit of a delta stops being enough: KL against the strength of a fine-tune, |Δ|/|W|, a pair's delta scaled by
 * shares. What quantises the whole fine-tune errs by the size of its weights, whatever they differ by; what compresses
 * the delta errs by the delta's.
 */

import { type Figure, ReportError } from "../../../figures/figure.ts";
import { lineFigure } from "../../../figures/line_figure.ts";
import { pointPanel } from "../../../figures/point_panel.ts";
import { figureFrame, type FigureOptions } from "../../../figures/theme.ts";
import { type BeyondModelResult, type BeyondStudyResults, medianOf } from "../results.ts";
import { levelOf, textsOf } from "../wins.ts";
import { aboveZero } from "./above_zero.ts";
import { groupsOf, seriesOf } from "./looks.ts";

/** A point of the figure. */
export interface CrossoverRow {
  /** What a reader tells the model by. */
  readonly model: string;
  /** Share of the pair's delta. */
  readonly share: number;
  /** ‖Δ‖ / ‖W_base‖ of the linear layers. */
  readonly relativeSize: number;
  /** Mean KL on general text and that of the own domain, in nats a token. */
  readonly kl: number;
  /** 95 % interval over documents. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

interface Crossed {
  readonly row: CrossoverRow;
  readonly model: BeyondModelResult;
}

/**
 * The points, by share.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, crossoverRows, gatherBeyond } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.deepEqual(crossoverRows(results), []);
 * ```
 */
export function crossoverRows(results: BeyondStudyResults): CrossoverRow[] {
  return crossed(results).map(({ row }) => row);
}

/**
 * Draws the crossover.
 *
 * @throws {ReportError} if there are no scaled deltas.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, crossoverFigure, gatherBeyond, ReportError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const results = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * assert.throws(() => crossoverFigure(results), ReportError); // nothing was measured
 * ```
 */
export function crossoverFigure(
  results: BeyondStudyResults,
  options: FigureOptions = {},
): Figure {
  const all = crossed(results);
  if (all.length === 0) {
    throw new ReportError({
      problem: "there is nothing to draw",
      option: "results",
      value: "no scaled deltas",
      expected: "at least one",
    });
  }
  const lines = seriesOf(all.map(({ model }) => model));
  const series = lines.map(({ look, has }) => {
    const points = all.filter(({ model }) => has(model))
      .map(({ row: { relativeSize: x, kl: y, low, high } }) => ({ x, y, low, high }));
    return { look, points: aboveZero(points) };
  });
  const panel = {
    title: results.protocol.crossover?.pair ?? "",
    subtitle: "its delta scaled",
    xTitle: "Strength of the fine-tune, ‖Δ‖ / ‖W‖ of the base",
    yTitle: "KL (nats a token), lower is nearer",
    share: 1,
    ...pointPanel(series),
  };
  return lineFigure([panel], groupsOf(lines), figureFrame(options));
}

/** Of each share the models that every share has, by one seed. */
function crossed(results: BeyondStudyResults): Crossed[] {
  const { crossover, seeds } = results.protocol;
  if (crossover === null) return [];
  const scaled = results.models.filter(({ pair, settings }) =>
    pair.share !== 1 && settings !== null
  );
  const labels = new Set(scaled.map(({ label }) => label));
  const whole = results.models.filter(({ pair, label, isCentral }) =>
    crossover.shares.includes(1) && pair.name === crossover.pair && isCentral && labels.has(label)
  );
  return [...scaled, ...whole.map((model) => ofSeed(model, seeds[0]))].map((model) => {
    const { value, low, high } = levelOf(model, textsOf(model, results).both, "kl", results);
    const relativeSize = medianOf(model, ({ fidelity }) => fidelity.relativeSize);
    const { label, pair: { share } } = model;
    return { model, row: { model: label, share, relativeSize, kl: value, low, high } };
  });
}

/** A model's run of one seed, where it has several. */
function ofSeed(model: BeyondModelResult, seed: number): BeyondModelResult {
  const at = model.deltas.findIndex((delta) => delta.seed === seed);
  if (at < 0) return model;
  const scores = [...model.scores].map(([domain, runs]) => [domain, [runs[at]]] as const);
  return { ...model, deltas: [model.deltas[at]], scores: new Map(scores) };
}
