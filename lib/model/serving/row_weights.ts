/**
 * Where the graphs of a step get their weights: what the weights of a base, or of tenants on it, are to those who
 * run rows. Not here: which rows there are and what they attend to (`step_graphs.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Feed } from "../../graph/engine.ts";
import type { DecoderContext } from "../llama.ts";

/**
 * Rows that run together: the next tokens of several sequences, each row by itself (`decode`), or a stretch of one
 * prompt (`prefill`).
 */
export interface StepShape {
  readonly kind: "decode" | "prefill";
  /** Those of the graph: what is short of them is filled up with rows of nobody. */
  readonly rows: number;
}

/** What has a graph of its own: the embedding, a decoder layer by its number, or the head with its norm. */
export type StepPart = "embedding" | "head" | number;

/** How a graph computes with weights, for rows that may each have their own. */
export type RowContext = Pick<
  DecoderContext,
  "parameters" | "linear" | "vector" | "embedding" | "head"
>;

/** The weights of one step. Dispose of it when the step has run. */
export interface StepWeights extends Disposable {
  /** What the graph of a part follows from beside the step's shape, as text: parts of one key share compiled graphs. */
  key(part: StepPart): string;
  /** How that graph computes; a decoder layer goes by the names of layer 0, whichever it is. */
  context(part: StepPart): RowContext;
  /** What those inputs of the graph are fed with that its context made; `inputs` are all that the step has not. */
  feeds(part: StepPart, inputs: readonly string[]): Readonly<Record<string, Feed>>;
}

/** Weights for rows of any tenants. */
export interface RowWeights {
  /**
   * The weights of a step.
   *
   * @param tenants of its rows, the first ones; `null` for the base.
   */
  begin(step: StepShape, tenants: readonly (string | null)[]): Promise<StepWeights>;
  /** What a tenant's rows compute; its vocabulary is no larger than what the head gives. */
  configOf(tenant: string | null): DecoderConfig;
}
