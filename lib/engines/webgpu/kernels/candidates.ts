/**
 * The ways in which one product may be computed, of which a device takes the fastest. Each belongs to a
 * *family*, a file of its own, and gives the same bits as the others of its problem; which family suits
 * which kind of device is said here, and what is fastest by measuring in `tuner.ts`.
 */

import type { Kernel, KernelBuilder, Operand, TileProblem } from "../kernel.ts";

/** Adds a kernel to those that run; returns what it writes. */
export type Dispatch = (kernel: Kernel) => Operand[];

/** One way to compute a product. */
export interface Candidate {
  /** The family, then what tells it from the others: `"workgroup 64x64x16"`. */
  readonly name: string;
  /** Dispatches its kernels, one or several; returns the results of the product. */
  readonly write: (dispatch: Dispatch) => Operand[];
}

/** The kinds of device that a family is for. */
const FAMILIES: Readonly<Record<string, readonly ("software" | "hardware")[]>> = {
  registers: ["software"],
  workgroup: ["hardware"],
  lanes: ["software", "hardware"],
  lookups: ["hardware"],
};

/** A candidate of one kernel. */
export function oneKernel(name: string, kernel: () => Kernel): Candidate {
  return { name, write: (dispatch) => dispatch(kernel()) };
}

/** The candidates whose family is for the kind of device; all of them where none is. */
export function suitableCandidates(names: readonly string[], software: boolean): readonly string[] {
  const kind = software ? "software" : "hardware";
  const suitable = names.filter((name) => FAMILIES[name.split(" ")[0]]?.includes(kind));
  return suitable.length > 0 ? suitable : names;
}

/** A size rounded up to a power of two: products whose sizes are then equal take the same candidate. */
export function roundedUp(size: number): number {
  return 2 ** Math.ceil(Math.log2(size));
}

/** The results of a problem by the candidate that `builder` chooses; all its kernels are marked with it. */
export function chosenProduct(
  builder: KernelBuilder,
  problem: TileProblem,
  candidates: readonly Candidate[],
): Operand[] {
  const name = builder.tile(problem, candidates.map((each) => each.name));
  const chosen = candidates.find((each) => each.name === name)!;
  return chosen.write((kernel) => builder.dispatch({ ...kernel, problem }));
}
