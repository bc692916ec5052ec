/**
 * What an engine is to the rest of the library: something that compiles a graph and runs it. The
 * methods and the pipeline know this interface only.
 */

import type { FormedTensor } from "../checkpoint/formed_tensor.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import type { Numbers, Value } from "./graph.ts";
import type { MemoryBudget } from "./memory.ts";
import type { Placed, Reserved, ReservedInfo } from "./placed.ts";

export type { Placed, Reserved, ReservedInfo } from "./placed.ts";

/** What an input of a program may be given. */
export type Feed = Numbers | Placed;

/** A compiled graph. */
export interface Program {
  /**
   * Runs the graph. `feeds` holds an array for each input by its name; the result holds an array
   * for each output, the caller's own. Runs may be asked for before others are done.
   *
   * @throws {GraphError} if a feed is missing, of another type, or of another number of elements.
   */
  run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Numbers>>;
  /**
   * Runs the graph and leaves the outputs where they were computed, in memory that the caller
   * releases.
   *
   * @throws {GraphError} as {@linkcode Program.run}.
   */
  keep(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Placed>>;
  /** Frees what the engine holds for this program. */
  release(): Promise<void>;
}

/** What an engine runs on, for the provenance of results. */
export interface EngineDetails {
  /** Which kind of engine. */
  readonly device: "cpu" | "webgpu";
  /** Why it is this device. */
  readonly chosen: string;
  /** Of a GPU: adapter, features and limits. */
  readonly facts: { readonly [fact: string]: Fact | { readonly [name: string]: Fact } };
}

/** One fact of a device. */
export type Fact = string | number | boolean | readonly string[];

/** Compiles graphs for one kind of hardware. */
export interface Engine {
  /** Name and version, which stand with every result: `"onnxruntime-node 1.30.0, 2 threads"`. */
  readonly name: string;
  /** Name, version and hardware as far as numbers depend on them: not how many threads there are. */
  readonly identity: string;
  /** `import.meta.url` of its file: what that imports determines its numbers. */
  readonly module: string;
  /** What it runs on. */
  readonly details: EngineDetails;
  /**
   * Whether compressed layers are best computed from the parts that their codecs store; else as the dense
   * matrices that these stand for.
   */
  readonly appliesCodecs: boolean;
  /** How much memory work on it may take. */
  readonly memory: MemoryBudget;
  /** Compiles the graph that `outputs` reach. */
  compile(outputs: Readonly<Record<string, Value>>): Promise<Program>;
  /**
   * Puts numbers where programs compute; 16-bit weights stay 16-bit. What an engine reads from the caller's own
   * memory must stay as it is until it is released.
   *
   * @param name of the numbers, for errors.
   */
  place(numbers: Numbers | RawTensor | FormedTensor, name?: string): Promise<Placed>;
  /**
   * Memory of zeros where programs compute, which is written piece by piece and changed in place by ops that say so.
   * Sixteen-bit floats stay so.
   *
   * @param name of the numbers, for errors.
   * @throws {GraphError} if no graph can read such numbers.
   * @throws {DeviceError} if there is no room.
   *
   * @example
   * ```ts
   * import { input, onnxEngine, ops } from "@bitdelta/workspace";
   * import assert from "node:assert/strict";
   *
   * const engine = onnxEngine({ threads: 1 });
   * const scales = await engine.reserve({ dtype: "F32", shape: [2, 2] }, "scales");
   * await scales.write(2, Float32Array.of(3, 5));
   * assert.deepEqual(await engine.read([scales]), [Float32Array.of(0, 0, 3, 5)]);
   * scales.release();
   * ```
   */
  reserve(info: ReservedInfo, name?: string): Promise<Reserved>;
  /** Copies of placed numbers, all in one transfer. */
  read(placed: readonly Placed[]): Promise<Numbers[]>;
}
