/**
 * Chooses the tiles of products by measuring them on the device.
 *
 * All tilings of a product give the same numbers, but which is fastest depends on the device and on the
 * sizes. Products fall into classes: what changes their kernels' text, and their sizes rounded up to
 * powers of two. When a graph is made ready it is lowered once to see which classes it has. Of each class
 * that is not known yet and large enough to repay it, the kernels of all candidates run in turns, and the
 * one with the fastest run is kept: for this engine, and in a file for later ones if one was named. Any
 * other product takes the first candidate of the family that suits the device.
 *
 * On a card a class costs 0.1 s of measuring beside compiling, and the first one 0.3 s to warm it: the
 * dozen classes of a 7B model about two seconds. A CPU that plays GPU measures large products only, for
 * compiling takes it seconds, and runs those of a 7B model twice.
 */

import { DeviceError } from "../../util/errors.ts";
import { Turns } from "../../util/turns.ts";
import type { TileProblem } from "./kernel.ts";
import { roundedUp, suitableCandidates } from "./kernels/candidates.ts";
import { tooLargeToBind } from "./executable.ts";
import { type Sequence, timeKernels, type TimerState } from "./kernel_timer.ts";
import type { LoweredGraph } from "./lower.ts";
import type { TuningFile } from "./tuning_file.ts";

/** The tile of a problem, one of the candidates. */
export type ChooseTile = (problem: TileProblem, candidates: readonly string[]) => string;

/** Multiply-adds of a product from which on its tiles are measured. */
const MEASURED_FROM = { hardware: 2 ** 26, software: 2 ** 30 };
/** Seconds that the turns of one class may take. */
const BUDGET = { hardware: 0.1, software: 1 };
/** A candidate that takes more than so many times what the best does is not run again; CPUs are busy at times. */
const HOPELESS = { hardware: 2, software: 4 };
/** Rows up to which a product takes as long as reading its weight does, and not as its multiply-adds. */
const FEW_ROWS = 16;

/** Where choices come from and go to. */
export interface TunerOptions {
  /** Default: choices are kept for as long as the tuner. */
  readonly file?: TuningFile;
  /** Multiply-adds of a product from which on it is measured; default: by the kind of device. */
  readonly measuredFrom?: number;
}

/** The tiles of one device. */
export class Tuner {
  readonly #measuring = new Map<string, Promise<string>>();
  /** Classes are measured one after the other, whoever asks: two at once would measure each other. */
  readonly #turns = new Turns();
  readonly #chosen = new Map<string, string>();

  private constructor(
    readonly state: TimerState,
    readonly file: TuningFile | undefined,
    readonly measuredFrom: number,
  ) {}

  /** @throws {DeviceError} if the file is there but holds no tiles. */
  static async open(
    state: TimerState,
    { file, measuredFrom }: TunerOptions = {},
  ): Promise<Tuner> {
    const { name, software } = state.device.adapter;
    const usual = MEASURED_FROM[software ? "software" : "hardware"];
    const tuner = new Tuner(state, file, measuredFrom ?? usual);
    const known = await file?.read(name) ?? {};
    for (const [key, name] of Object.entries(known)) tuner.#chosen.set(key, name);
    return tuner;
  }

  /** The tile measured for the problem's class, else the first that suits the device. */
  readonly tile: ChooseTile = (problem, candidates) => {
    const chosen = this.#chosen.get(classOf(problem));
    return chosen && candidates.includes(chosen) ? chosen : this.#suitable(candidates)[0];
  };

  /**
   * Measures the products of a graph that are worth it and not known.
   *
   * @param lowerWith lowers the graph with tiles chosen by its argument.
   * @throws {DeviceError} if a kernel does not compile, or the device is lost.
   */
  async prepare(lowerWith: (tile: ChooseTile) => LoweredGraph): Promise<void> {
    const open = new Map<string, readonly string[]>();
    lowerWith((problem, candidates) => {
      const suitable = this.#suitable(candidates);
      if (suitable.length > 1 && workOf(problem) >= this.measuredFrom) {
        const key = classOf(problem);
        if (!suitable.includes(this.#chosen.get(key) ?? "")) open.set(key, suitable);
      }
      return suitable[0];
    });
    if (open.size === 0) return;
    const sequences = collectSequences(open, lowerWith);
    for (const [key, candidates] of open) {
      const measuring = this.#measuring.get(key) ??
        this.#turns.take(() => this.#measure(key, candidates, sequences.get(key)!));
      this.#measuring.set(key, measuring);
      await measuring;
    }
  }

  async #measure(
    key: string,
    candidates: readonly string[],
    sequences: readonly Sequence[],
  ): Promise<string> {
    const { device } = this.state;
    // What cannot be bound is refused with its name when the graph is made ready.
    if (sequences.flat().some((each) => tooLargeToBind(device, each))) return candidates[0];
    const kind = device.adapter.software ? "software" : "hardware";
    const { problem } = sequences[0][0].kernel;
    const options = {
      budget: BUDGET[kind],
      dropBeyond: HOPELESS[kind],
      // A model's next layer has a weight of its own.
      cold: kind === "hardware" && problem!.rows <= FEW_ROWS,
    };
    const fastest = await timeKernels(this.state, sequences, options).then(
      (runs) => runs.map((seconds) => Math.min(...seconds)),
      (error) => {
        device.throwIfFaulty();
        // Without room for the operands a second time the first candidate does: no number depends on it.
        if (error instanceof DeviceError && !error.fault.operation) return [0];
        throw error;
      },
    );
    const chosen = candidates[fastest.indexOf(Math.min(...fastest))];
    this.#chosen.set(key, chosen);
    if (fastest.length > 1) await this.file?.add(device.adapter.name, key, chosen);
    return chosen;
  }

  #suitable(candidates: readonly string[]): readonly string[] {
    return suitableCandidates(candidates, this.state.device.adapter.software);
  }
}

/** Multiply-adds of a product, or as many as are done while its weight is read. */
function workOf({ rows, columns, inner }: TileProblem): number {
  return Math.max(rows, FEW_ROWS) * columns * inner;
}

/** The class of a problem: its kernel, and its sizes rounded up to powers of two. */
function classOf({ kernel, rows, columns, inner }: TileProblem): string {
  return `${kernel} ${[rows, columns, inner].map(roundedUp).join("x")}`;
}

/** The kernels of each candidate of each class, of one product of that class. */
function collectSequences(
  classes: ReadonlyMap<string, readonly string[]>,
  lowerWith: (tile: ChooseTile) => LoweredGraph,
): Map<string, Sequence[]> {
  const sequences = new Map<string, Sequence[]>();
  const most = Math.max(...[...classes.values()].map(({ length }) => length));
  for (let place = 0; place < most; place++) {
    const { dispatches } = lowerWith((problem, candidates) => {
      const name = classes.get(classOf(problem))?.[place];
      return name && candidates.includes(name) ? name : candidates[0];
    });
    const seen = new Set<string>();
    for (const { kernel: { problem } } of dispatches) {
      const key = problem && classOf(problem);
      if (!key || seen.has(key) || place >= (classes.get(key)?.length ?? 0)) continue;
      seen.add(key);
      const sequence = dispatches.filter(({ kernel }) => kernel.problem === problem);
      sequences.set(key, [...sequences.get(key) ?? [], sequence]);
    }
  }
  return sequences;
}
