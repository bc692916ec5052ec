/** Compiled graphs that are kept by name, for work that meets the same shapes again and again. */

import type { Engine, Program } from "./engine.ts";
import type { Value } from "./graph.ts";
import { Turns } from "../util/turns.ts";

/**
 * Compiles each graph once. Dispose of it to free what the engine holds for them.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using programs = new ProgramCache(onnxEngine());
 * const graph = () => ({ y: ops.multiply(input("x", [2]), input("x", [2])) });
 * const [first, again] = [programs.get("square", graph), programs.get("square", graph)];
 * assert.equal(first, again);
 * ```
 */
export class ProgramCache implements AsyncDisposable {
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #turns = new Turns();

  /**
   * Keeps nothing yet.
   *
   * @param engine compiles the graphs.
   */
  constructor(readonly engine: Engine) {}

  /**
   * The program of a name.
   *
   * @param name says all that the graph depends on; the same name means the same graph.
   * @param outputs builds the graph, the first time that its name is asked for.
   */
  get(name: string, outputs: () => Readonly<Record<string, Value>>): Promise<Program> {
    const known = this.#programs.get(name) ?? this.engine.compile(outputs());
    this.#programs.set(name, known);
    return known;
  }

  /** Does work that places much and frees it again, one after another, so that all take the memory of one. */
  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(work);
  }

  /** Waits until nobody waits to be {@linkcode ProgramCache.alone}: what is read then is waited for once. */
  together(): Promise<void> {
    return this.#turns.idle();
  }

  /** Frees all programs. */
  async [Symbol.asyncDispose](): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    await releaseAll(programs);
  }
}

/** Releases what was compiled; what failed to compile holds nothing and has told its user so. */
export async function releaseAll(
  compiled: Iterable<Promise<{ release(): Promise<void> }>>,
): Promise<void> {
  for (const each of await Promise.allSettled(compiled)) {
    if (each.status === "fulfilled") await each.value.release();
  }
}
