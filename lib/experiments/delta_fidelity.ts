/**
 * How near a compressed delta is to its fine-tune's by its numbers alone, without a text: signs and angle, beside
 * what it takes. What the model makes of it is scored (`evaluation.ts`).
 */

import * as v from "valibot";
import {
  linearLayerNames,
  type LinearShape,
  linearShape,
  tensorNames,
  tensorShape,
  type WeightSource,
} from "../checkpoint/weights.ts";
import { findCodec } from "../codecs/mod.ts";
import { applyDelta } from "../delta/apply.ts";
import { openDelta } from "../delta/delta_file.ts";
import { bitsPerWeight } from "../delta/delta_size.ts";
import type { Engine } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import { multiply, subtract, sumTo } from "../graph/ops/elementwise.ts";
import { sign } from "../graph/ops/signs.ts";
import { ProgramCache } from "../graph/program_cache.ts";
import type { Kind } from "./task.ts";
import type { KeptDelta } from "./evaluation.ts";
import type { OpenPair } from "./open_pair.ts";

/** What determines a delta's fidelity. */
export interface FidelityKey {
  /** Hash of the base. */
  readonly base: string;
  /** Hash of the fine-tune. */
  readonly fine: string;
  /** Digest of the delta. */
  readonly delta: string;
  /** Of the engine, what numbers depend on. */
  readonly engine: string;
  /** Identity of the code that measures, and of the codecs that the delta needs. */
  readonly code: string;
}

/** A compressed delta Δ̂ beside the fine-tune's Δ, over all linear layers. */
export interface Fidelity {
  /** Of the weights that the fine-tune changed, the share whose sign Δ̂ keeps; a zero of Δ̂ keeps none. */
  readonly signs: number;
  /** ⟨Δ, Δ̂⟩ / (‖Δ‖ ‖Δ̂‖); 0 where Δ̂ is. */
  readonly cosine: number;
  /** ‖Δ‖ / ‖W_base‖: how strong a fine-tune it is. */
  readonly relativeSize: number;
  /** Bits that a weight of the linear layers takes, scales included. */
  readonly bitsPerWeight: number;
  /** Weights of the whole model, of which the delta's file stands for all. */
  readonly parameters: number;
}

const number = v.pipe(v.number(), v.finite());
const text = v.string();

/** Holding a delta against its fine-tune's. */
export const fidelityKind: Kind<FidelityKey, Fidelity> = {
  name: "fidelity",
  file: null,
  key: v.strictObject({ base: text, fine: text, delta: text, engine: text, code: text }),
  result: v.strictObject({
    signs: number,
    cosine: number,
    relativeSize: number,
    bitsPerWeight: number,
    parameters: number,
  }),
};

/** The files whose code determines a fidelity: this one, and the codecs that the delta needs. */
export function fidelityCode(codecs: readonly string[]): string[] {
  return [import.meta.url, ...codecs.map((name) => findCodec(name).module)];
}

/** Holds a delta that was kept against the pair that it was made from. */
export async function measureFidelity(
  { base, fine, engine }: Pick<OpenPair, "base" | "fine" | "engine">,
  { path }: Pick<KeptDelta, "path">,
): Promise<Fidelity> {
  using delta = await openDelta(path);
  const model = await applyDelta(base, delta, { baseHash: await base.hash() });
  const names = tensorNames(fine.config);
  const parameters = names.reduce(
    (sum, name) => sum + tensorShape(fine.config, name).reduce((all, side) => all * side, 1),
    0,
  );
  const near = await nearness(engine, { base, fine, model });
  return { ...near, bitsPerWeight: bitsPerWeight(delta), parameters };
}

/** Sums over a layer's elements, each a vector over its columns that JavaScript adds up in double precision. */
function sumsOf(shape: LinearShape): Record<string, Value> {
  const [base, fine, model] = ["base", "fine", "model"].map((name) => input(name, shape));
  const [wanted, found] = [subtract(fine, base), subtract(model, base)];
  const [signs, kept] = [sign(wanted, 0), multiply(sign(wanted, 0), sign(found, 0))];
  const columns = (x: Value) => sumTo(x, [shape[1]]);
  return {
    weights: columns(multiply(base, base)),
    wanted: columns(multiply(wanted, wanted)),
    found: columns(multiply(found, found)),
    both: columns(multiply(wanted, found)),
    changed: columns(multiply(signs, signs)),
    kept: columns(kept),
    told: columns(multiply(kept, kept)),
  };
}

async function nearness(
  engine: Engine,
  sources: {
    readonly base: WeightSource;
    readonly fine: WeightSource;
    readonly model: WeightSource;
  },
): Promise<Omit<Fidelity, "bitsPerWeight" | "parameters">> {
  await using programs = new ProgramCache(engine);
  const totals = new Map<string, number>();
  const { config } = sources.fine;
  for (const name of linearLayerNames(config)) {
    const shape = linearShape(config, name);
    const program = await programs.get(`sums ${shape}`, () => sumsOf(shape));
    const feeds = Object.fromEntries(
      await Promise.all(
        Object.entries(sources).map(async ([which, weights]) =>
          [which, await weights.readFloat32(`${name}.weight`)] as const
        ),
      ),
    );
    for (const [sum, columns] of Object.entries(await program.run(feeds))) {
      let total = totals.get(sum) ?? 0;
      for (const column of columns) total += column;
      totals.set(sum, total);
    }
  }
  const of = (sum: string) => totals.get(sum)!;
  const lengths = Math.sqrt(of("wanted") * of("found"));
  return {
    // Of kept signs that are ±1 or 0, sum and sum of squares tell how many are +1.
    signs: (of("kept") + of("told")) / 2 / of("changed"),
    cosine: lengths === 0 ? 0 : of("both") / lengths,
    relativeSize: Math.sqrt(of("wanted") / of("weights")),
  };
}
