/** A training run on disk, so that an interrupted one goes on where it was last saved. */

import { createHash } from "node:crypto";
import * as v from "valibot";
import { contentDigest, DIGEST } from "../checkpoint/content_digest.ts";
import { SafetensorsFile, writeSafetensors } from "../checkpoint/safetensors.ts";
import { fromFloat32, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import { type Fault, InputError } from "../util/errors.ts";
import { isThere } from "../util/files.ts";
import type { AdamW } from "./adamw.ts";
import type { ParameterArrays } from "./compiled_loss.ts";

/** A saved state that is not as it was written, or of another run. */
export class TrainingStateError extends InputError {}

/** What a run has done so far, beside its parameters. */
export interface TrainingLog {
  /** Loss before each step so far. */
  losses: number[];
  /** Time spent in steps, in seconds. */
  seconds: number;
}

/** A run, as far as it is saved: all of it changes in place. */
export interface TrainingRun {
  /** A digest of all that determines it. */
  readonly run: string;
  readonly parameters: ParameterArrays;
  /** With the steps taken and the moments. */
  readonly optimizer: AdamW;
  readonly log: TrainingLog;
}

/**
 * SHA-256 in hex of all that determines a run, so that a state is taken up by the run that it belongs to only.
 *
 * @param description plain data: settings, seeds, where the run starts.
 * @param arrays first numbers of the parameters, and what is read.
 */
export function runDigest(description: object, arrays: Iterable<ArrayBufferView>): string {
  const hash = createHash("sha256").update(JSON.stringify(description));
  for (const { buffer, byteOffset, byteLength } of arrays) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}

const finite = v.pipe(v.number(), v.finite());
const metadataSchema = v.object({
  run: v.string(),
  step: v.pipe(v.string(), v.toNumber(), v.safeInteger(), v.minValue(0)),
  log: v.pipe(
    v.string(),
    v.parseJson(),
    v.strictObject({ losses: v.array(finite), seconds: finite }),
  ),
  [DIGEST]: v.string(),
});

/**
 * Writes parameters, moments and log to one file with a digest, in place of the one before.
 *
 * @throws {OutputError} if it cannot be written.
 */
export async function saveTrainingState(path: string, run: TrainingRun): Promise<void> {
  const tensors = new Map<string, RawTensor>();
  for (const [name, values] of arrays(run)) {
    const bytes = fromFloat32(values, "F32");
    tensors.set(name, { dtype: "F32", shape: [values.length], bytes });
  }
  const metadata = {
    run: run.run,
    step: String(run.optimizer.stepCount),
    log: JSON.stringify(run.log),
  };
  await writeSafetensors(
    path,
    [...tensors].map(([name, tensor]) => ({ name, ...tensor })),
    { ...metadata, [DIGEST]: contentDigest(metadata, tensors) },
  );
}

/**
 * Puts a saved run back into `run`, or nothing where nothing was saved.
 *
 * @throws {SafetensorsError} if the file cannot be read as one.
 * @throws {TrainingStateError} if it is of another run, or not as it was written; nothing is changed.
 */
export async function restoreTrainingState(path: string, run: TrainingRun): Promise<void> {
  if (!await isThere(path)) return;
  using file = await SafetensorsFile.open(path);
  const refuse = (fault: Omit<Fault, "problem" | "file" | "expected">) =>
    new TrainingStateError({
      problem: "is not this run's state as it was saved",
      file: path,
      ...fault,
      expected: "a state of this run and version; remove it to train from the first step",
    });
  const parsed = v.safeParse(metadataSchema, file.metadata);
  if (!parsed.success) {
    throw refuse({ option: String(v.getDotPath(parsed.issues[0])).split(".")[0] });
  }
  const tensors = new Map<string, RawTensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  const { step, log, [DIGEST]: digest } = parsed.output;
  if (digest !== contentDigest(file.metadata, tensors)) throw refuse({ option: DIGEST });
  if (parsed.output.run !== run.run) throw refuse({ option: "run", value: parsed.output.run });
  const saved = [...arrays(run)].map(([name, values]) => {
    const tensor = tensors.get(name);
    if (tensor?.dtype === "F32" && tensor.bytes.length === values.byteLength) return tensor;
    throw refuse({ tensor: name, value: tensor ? `${tensor.dtype} [${tensor.shape}]` : "nothing" });
  });
  for (const [index, [, values]] of [...arrays(run)].entries()) {
    values.set(toFloat32(saved[index]));
  }
  run.optimizer.stepCount = step;
  Object.assign(run.log, log);
}

function* arrays({ parameters, optimizer }: TrainingRun): Iterable<[string, Float32Array]> {
  yield* parameters;
  for (const [name, { first, second }] of optimizer.moments) {
    yield [`${name}:first moment`, first];
    yield [`${name}:second moment`, second];
  }
}
