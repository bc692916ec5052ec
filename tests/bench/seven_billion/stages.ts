/**
 * What is timed on a pair of a 7B model's shapes, stage by stage. Each runs in a process of its own
 * (`stage_process.ts`), so that the most memory that the process held is the stage's.
 */

import { join } from "node:path";
import { median } from "simple-statistics";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { eachTensorName } from "../../../lib/checkpoint/weights.ts";
import { openDelta } from "../../../lib/delta/delta_file.ts";
import { openEngine } from "../../../lib/engines/device.ts";
import type { WebGpuEngine } from "../../../lib/engines/webgpu/engine.ts";
import { firstTokens } from "../../../lib/evaluation/token_text.ts";
import { Pair } from "../../../lib/experiments/pair.ts";
import type { Engine } from "../../../lib/graph/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { matmul } from "../../../lib/graph/ops/matrix.ts";
import type { MethodChoice } from "../../../lib/methods/method.ts";
import { timeChains } from "../chains.ts";
import { fastest } from "../comparison.ts";
import { randomMatrix, randomTensor } from "../random_matrix.ts";
import { randomTexts } from "./random_texts.ts";

/** What a stage works on. */
export interface StageInput {
  readonly device: "cpu" | "webgpu";
  /** Holds `base` and `fine`. */
  readonly pair: string;
  /** The delta that `activation-aware` writes and `score compressed` reads. */
  readonly delta: string;
  /** Rows of inputs that calibrate. */
  readonly rows: number;
  /** Tokens before the scored ones, and scored, of a window. */
  readonly windows: { readonly context: number; readonly window: number };
  /** Steps of distillation, two or more, and sequences of each. */
  readonly distillation: { readonly steps: number; readonly batch: number };
}

/** Seconds of a stage, and what was done in them: bytes, operations, tokens or steps. */
export interface StageWork {
  readonly seconds: number;
  readonly count: number;
}

/** Each stage by its name, in the order in which they run. */
export const stages = {
  "plain reading": plainReading,
  "file to device": fileToDevice,
  "matrix product": matrixProduct,
  "initial": (input: StageInput) => compression(input, { method: "initial" }, null),
  "activation-aware": activationAware,
  "scoring, base": (input: StageInput) => scoring(input, (pair) => Promise.resolve(pair.base)),
  "scoring, compressed": scoringCompressed,
  "distillation": distillation,
} satisfies Record<string, (input: StageInput) => Promise<StageWork>>;

/** A stage by its name. */
export type StageName = keyof typeof stages;

/** Stages that a GPU alone has. */
export const onGpuOnly: readonly StageName[] = ["file to device", "distillation"];

const folders = ({ pair }: StageInput) => [join(pair, "base"), join(pair, "fine")];

/** Bytes of all weight files, read from first to last into one buffer, the faster of two times. */
async function plainReading(input: StageInput): Promise<StageWork> {
  const paths = folders(input).flatMap((folder) =>
    [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".safetensors"))
      .map(({ name }) => join(folder, name))
  );
  const block = new Uint8Array(2 ** 23);
  let count = 0;
  const seconds = await fastest(2, () => {
    count = 0;
    for (const path of paths) {
      using file = Deno.openSync(path);
      for (let read = file.readSync(block); read !== null; read = file.readSync(block)) {
        count += read;
      }
    }
    return Promise.resolve();
  });
  return { seconds, count };
}

/** Bytes of the base's tensors, two of which are read while one goes to the device. */
async function fileToDevice(input: StageInput): Promise<StageWork> {
  const engine = await openEngine(input) as WebGpuEngine;
  using base = await Checkpoint.open(folders(input)[0]);
  const names = [...eachTensorName(base.config)];
  let count = 0;
  const seconds = await fastest(2, async () => {
    count = 0;
    const ahead = names.slice(0, 2).map((name) => base.stored.read(name));
    for (let index = 0; index < names.length; index++) {
      if (index + 2 < names.length) ahead.push(base.stored.read(names[index + 2]));
      const tensor = await ahead.shift()!;
      const placed = await engine.place(tensor, names[index]);
      count += tensor.bytes.byteLength;
      placed.release();
      base.stored.giveBack!(tensor);
    }
    await engine.device.gpu.queue.onSubmittedWorkDone();
  });
  return { seconds, count };
}

/** Operations of a product of as many rows as calibrate, with a weight that is where the engine computes. */
async function matrixProduct({ device, rows }: StageInput): Promise<StageWork> {
  const engine = await openEngine({ device });
  const size = 4096;
  const feeds = {
    x: await engine.place(randomMatrix(rows, size, 1, 1)),
    weight: await engine.place(
      device === "cpu" ? randomMatrix(size, size, size ** -0.5, 2) : randomTensor(size, 0.015, 2),
    ),
  };
  const chain = async (length: number) => {
    let y = input("x", [rows, size]);
    const weight = input("weight", [size, size]);
    for (let index = 0; index < length; index++) {
      y = matmul(y, weight, { transposeSecond: true });
    }
    const program = await engine.compile({ y });
    return { run: () => program.run(feeds), release: () => program.release() };
  };
  const [seconds] = await timeChains([chain], { turns: 3, enough: 0.2 });
  return { seconds: median(seconds), count: 2 * rows * size ** 2 };
}

async function activationAware(input: StageInput): Promise<StageWork> {
  const method = { method: "activation-aware", settings: { rows: input.rows } };
  return await compression(input, method, randomTexts(input.rows / 64));
}

/** Bytes of both checkpoints, from opening them to the delta's file. */
async function compression(
  input: StageInput,
  method: MethodChoice,
  texts: readonly string[] | null,
): Promise<StageWork> {
  const engine = await openEngine(input);
  const started = performance.now();
  await using pair = await openPair(input, engine);
  using _delta = (await pair.compressToFile(input.delta, method, texts)).delta;
  const seconds = (performance.now() - started) / 1000;
  return { seconds, count: await bytesOf(input) };
}

async function scoringCompressed(input: StageInput): Promise<StageWork> {
  using delta = await openDelta(input.delta);
  return await scoring(input, (pair) => pair.apply(delta));
}

/** Tokens of a window, scored when weights are where they stay. */
async function scoring(
  input: StageInput,
  modelOf: (pair: Pair) => Promise<Parameters<Pair["evaluate"]>[0]>,
): Promise<StageWork> {
  const { windows: { context, window } } = input;
  await using pair = await openPair(input, await openEngine(input));
  const document = { name: "random words", text: randomTexts(64).join("\n") };
  const text = firstTokens(await pair.text(document.name, [document]), context + window);
  const model = await modelOf(pair);
  await pair.evaluate(model, text);
  const started = performance.now();
  await pair.evaluate(model, text);
  return { seconds: (performance.now() - started) / 1000, count: context + window };
}

/** Steps after the first, which compiles and places the weights. */
async function distillation(input: StageInput): Promise<StageWork> {
  const { steps, batch } = input.distillation;
  await using pair = await openPair(input, await openEngine(input));
  const ends: number[] = [];
  const settings = { steps, batch };
  await pair.compress({ method: "distilled", settings }, randomTexts(steps * batch), {
    onProgress: () => void ends.push(performance.now()),
  });
  // What came before were reports of the delta that it starts from.
  const [first] = ends.slice(-steps);
  return { seconds: (ends.at(-1)! - first) / 1000, count: steps - 1 };
}

function openPair(input: StageInput, engine: Engine): Promise<Pair> {
  const [base, fine] = folders(input);
  return Pair.open(base, fine, { engine, windows: input.windows });
}

async function bytesOf(input: StageInput): Promise<number> {
  let bytes = 0;
  for (const folder of folders(input)) {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(".safetensors")) bytes += (await Deno.stat(join(folder, name))).size;
    }
  }
  return bytes;
}
