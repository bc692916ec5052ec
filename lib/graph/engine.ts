/**
 * What an engine is to the rest of the library: something that compiles a graph and runs it. The
 * methods and the pipeline know this interface only.
 */

import type { Numbers, Value } from "./graph.ts";

/** A compiled graph. */
export interface Program {
  /**
   * Runs the graph. `feeds` holds an array for each input by its name; the answer holds an array
   * for each output. Outputs are the program's own memory: they hold until its next run.
   *
   * @throws {GraphError} if a feed is missing, of another type, or of another number of elements.
   */
  run(feeds: Readonly<Record<string, Numbers>>): Promise<Record<string, Numbers>>;
  /** Frees what the engine holds for this program. */
  release(): Promise<void>;
}

/** Compiles graphs for one kind of hardware. */
export interface Engine {
  /** Name and version, for the provenance of results: `"onnxruntime-node 1.30.0, 2 threads"`. */
  readonly name: string;
  /** Compiles the graph that `outputs` reach. */
  compile(outputs: Readonly<Record<string, Value>>): Promise<Program>;
}
