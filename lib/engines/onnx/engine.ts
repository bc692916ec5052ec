/**
 * The CPU engine: graphs as ONNX models on ONNX Runtime, and ops of served rows between them in WebAssembly on a team
 * of threads (`team/`). The default everywhere; weights are inputs of a model, so that one compiled layer serves every
 * layer.
 */

import { createRequire } from "node:module";
import type * as Runtime from "onnxruntime-node";
import { floatKernels } from "../../checkpoint/float_kernels.ts";
import { type FormedTensor, sharedKernels } from "../../checkpoint/formed_tensor.ts";
import { type RawTensor, toFloat32 } from "../../checkpoint/tensor.ts";
import type { Engine, EngineDetails, Placed } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";
import { MemoryBudget } from "../../graph/memory.ts";
import { hostMemory } from "../host_memory.ts";
import { compileStages } from "./compile.ts";
import { hostProgram } from "./host/program.ts";
import { hostFeed, HostNumbers, StoredNumbers } from "./placed.ts";
import { HostReserved } from "./reserved.ts";
import { OnnxProgram } from "./program.ts";
import { Scratch } from "./scratch.ts";
import { openSession } from "./sessions.ts";
import { Turns } from "../../util/turns.ts";

/** Settings of the CPU engine. */
export interface OnnxEngineOptions {
  /** Threads of one operator; default: one per core. */
  threads?: number;
  /** Why the CPU, for provenance; default: `"asked for"`. */
  chosen?: string;
  /** Bytes that the process may hold; two fifths are the budget. Default: that is half of what is free. */
  memory?: number;
}

/** Bytes of one run's largest value, unless less memory is asked for. */
const AT_ONCE = 2 ** 26;
/** Bytes of the next layer that are read while one computes: what a disk reads in that time, or more. */
const AHEAD = 2 ** 28;
/** Bytes of what a run forms and uses up: less than the last cache of most processors. */
const FORMED_AT_ONCE = 2 ** 25;

let loaded: typeof Runtime | undefined;

/**
 * ONNX Runtime, loaded with the first engine: it is a native library, which programs that compute nothing
 * need no permission to load.
 */
function onnxRuntime(): typeof Runtime {
  return loaded ??= createRequire(import.meta.url)("onnxruntime-node") as typeof Runtime;
}

/**
 * The engine that runs graphs on ONNX Runtime's CPU kernels.
 *
 * @example
 * ```ts
 * import { onnxEngine } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { name, details } = onnxEngine({ threads: 1 });
 * assert.match(name, /^onnxruntime/);
 * assert.equal(details.device, "cpu");
 * ```
 */
export function onnxEngine(options: OnnxEngineOptions = {}): Engine {
  const threads = options.threads ?? navigator.hardwareConcurrency;
  const { bytes, note } = hostMemory(options.memory);
  const memory = new MemoryBudget(bytes, {
    atOnce: options.memory === undefined ? AT_ONCE : Math.min(AT_ONCE, options.memory / 32),
    formedAtOnce: FORMED_AT_ONCE,
    ahead: AHEAD,
    widens: true,
  });
  const runtime = onnxRuntime();
  const turns = new Turns();
  let scratch: Promise<Scratch> | undefined;
  const identity = `onnxruntime-node ${runtime.env.versions.node ?? "unknown"}`;
  return {
    name: `${identity}, ${threads} threads`,
    // Threads split the rows and columns of a product rather than its sums. Measured with 1 and 2 of them, 17
    // of 19 calibrations and evaluations of an embedded pair are the same to the last digit; in the others,
    // after a calibration on 32 rows, KL differs by 5e-7 of itself.
    identity,
    module: import.meta.url,
    get details(): EngineDetails {
      const weights = [...memory.exceptions];
      const facts = {
        threads,
        ...note === null ? {} : { memory: note },
        ...weights.length === 0 ? {} : { weights },
      };
      return { device: "cpu", chosen: options.chosen ?? "asked for", facts };
    },
    appliesCodecs: false,
    memory,
    place: (numbers) => Promise.resolve(placed(numbers)),
    reserve: (info, name = "reserved memory") =>
      Promise.resolve().then(() => new HostReserved(turns, info, name)),
    read: (placed) =>
      placed.some((each) => each instanceof HostReserved)
        ? turns.take(() => Promise.all(placed.map(copyOf)))
        : Promise.all(placed.map(copyOf)),
    async compile(outputs) {
      scratch ??= floatKernels().then((kernels) => new Scratch(kernels));
      const state = { runtime, scratch: await scratch, turns };
      const alone = await hostProgram(outputs, state);
      if (alone) return alone;
      const compiled = await compileStages(outputs, {
        threads,
        openSession: (model, options) => openSession(runtime, model, { ...options, threads }),
      });
      return new OnnxProgram(state, compiled);
    },
  };
}

/** Whole numbers and float32 as they are; what ONNX Runtime does not take is widened or copied in a run. */
function placed(numbers: Numbers | RawTensor | FormedTensor): Placed {
  if ("form" in numbers) return new StoredNumbers(numbers);
  if (!("bytes" in numbers)) return new HostNumbers(numbers);
  const { dtype, bytes } = numbers;
  const isShared = bytes.buffer instanceof SharedArrayBuffer;
  return dtype === "F32" && !isShared
    ? new HostNumbers(toFloat32(numbers))
    : new StoredNumbers(numbers);
}

async function copyOf(placed: Placed): Promise<Numbers> {
  const feed = hostFeed(placed);
  if (!(feed instanceof StoredNumbers)) return feed.slice();
  const values = feed.type === "i32" ? new Int32Array(feed.length) : new Float32Array(feed.length);
  feed.into(await sharedKernels(), values);
  return values;
}
