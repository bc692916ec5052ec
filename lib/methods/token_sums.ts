/**
 * Sums over tokens of products of matrices. They are added up chunk by chunk, and what an addition of 32-bit floats
 * loses goes into the next one (Kahan 1965, "Further remarks on reducing truncation errors").
 */

import { elementCount } from "../checkpoint/tensor.ts";
import type { Placed } from "../graph/engine.ts";
import { input, type Shape, type Value } from "../graph/graph.ts";
import { add, subtract } from "../graph/ops/elementwise.ts";
import { gatherRows } from "../graph/ops/matrix.ts";
import { ProgramCache } from "../graph/program_cache.ts";

/** Tokens whose products are added up at once. */
const CHUNK = 1024;

/** Elements of a sum from which on its programs are not kept: what they have worked in is freed with them. */
const LARGE = 2 ** 20;

/** A matrix where an engine computes. */
export interface PlacedMatrix {
  readonly shape: Shape;
  readonly placed: Placed;
}

/** What is summed. */
export interface TokenSum {
  /** Says all that the product depends on beside the shapes. */
  readonly name: string;
  /** Matrices `[tokens, width]`, of which a chunk is seen at a time. */
  readonly tokens: Readonly<Record<string, PlacedMatrix>>;
  /** Other matrices, which are seen whole. */
  readonly others?: Readonly<Record<string, PlacedMatrix>>;
  /** Shape of the sum. */
  readonly shape: Shape;
  /** The sum over the tokens of one chunk. */
  readonly product: (values: Readonly<Record<string, Value>>) => Value;
}

/** Σ over all tokens, which the caller releases. */
export async function sumOverTokens(
  programs: ProgramCache,
  { name, tokens, others = {}, shape, product }: TokenSum,
  signal?: AbortSignal,
): Promise<Placed> {
  const { engine } = programs;
  await using own = elementCount(shape) >= LARGE ? new ProgramCache(engine) : null;
  const cache = own ?? programs;
  const [[count]] = Object.values(tokens).map((each) => each.shape);
  const given = Object.entries({ ...tokens, ...others });
  const shapes = given.map(([name, { shape }]) => `${name} [${shape}]`);
  const zeros = await engine.place(new Float32Array(elementCount(shape)));
  let [sum, lost] = [zeros, zeros];
  try {
    for (let begin = 0; begin < count; begin += CHUNK) {
      signal?.throwIfAborted();
      const rows = Math.min(CHUNK, count - begin);
      const program = await cache.get(`${name}: ${rows} of ${shapes}`, () => {
        const places = input("places", [rows], "i32");
        const seen = given.map(([name, { shape }]): [string, Value] => {
          const whole = input(name, shape);
          return [name, name in tokens ? gatherRows(whole, places) : whole];
        });
        const [before, missing] = ["sum", "lost"].map((each) => input(each, shape));
        const more = subtract(product(Object.fromEntries(seen)), missing);
        const after = add(before, more);
        return { sum: after, lost: subtract(subtract(after, before), more) };
      });
      const placed = given.map(([name, { placed }]) => [name, placed] as const);
      const places = Int32Array.from({ length: rows }, (_, at) => begin + at);
      const added = await program.keep({ ...Object.fromEntries(placed), places, sum, lost });
      sum.release();
      lost.release();
      ({ sum, lost } = added);
    }
  } catch (error) {
    sum.release();
    throw error;
  } finally {
    lost.release();
  }
  return sum;
}
