/** Matrices that are made piece by piece, so that what is needed for a piece is small. */

import type { Engine, Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { concatenateRows } from "../graph/ops/matrix.ts";
import type { ProgramCache } from "../graph/program_cache.ts";

/** Pieces below each other, which are released. */
export async function joined(
  programs: ProgramCache,
  pieces: readonly Placed[],
  width: number,
): Promise<Placed> {
  if (pieces.length === 1) return pieces[0];
  const shapes = pieces.map(({ length }) => [length / width, width]);
  const program = await programs.get(`pieces of ${shapes.join(" and ")}`, () => ({
    whole: concatenateRows(shapes.map((shape, at) => input(`${at}`, shape))),
  }));
  const { whole } = await program.keep(Object.fromEntries(pieces.map((each, at) => [at, each])));
  pieces.forEach((each) => each.release());
  return whole;
}

/** Numbers of a piece at most: a sum over tokens holds a dozen as large. */
const MOST = 2 ** 22;

/** Rows of a matrix, cut so that each piece is no more than the engine forms at once, nor than {@linkcode MOST}. */
export function slabs(
  { memory }: Engine,
  rows: number,
  width: number,
): readonly (readonly [begin: number, end: number])[] {
  const count = Math.ceil(rows * width / Math.min(MOST, memory.formedAtOnce / 4));
  const height = Math.ceil(rows / count);
  return Array.from(
    { length: Math.ceil(rows / height) },
    (_, at) => [at * height, Math.min(rows, (at + 1) * height)],
  );
}
