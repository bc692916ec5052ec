/**
 * Finished measurements on disk, one file each. A file appears whole or not at all, so that a run
 * that is killed at any moment loses at most the measurement in progress.
 */

import { join } from "node:path";
import * as v from "valibot";
import { firstIssue } from "../util/json_file.ts";
import { InputError } from "../util/errors.ts";
import { isThere, readFileIfThere, writeFileAtomic } from "../util/files.ts";
import {
  canonical,
  describeTask,
  type Measurement,
  measurementKey,
  sha256,
} from "./measurement.ts";
import { measurementSchema } from "./measurement_schema.ts";
import { describeMethod } from "./method.ts";

/** A stored measurement that cannot be read. */
export class MeasurementError extends InputError {}

const EXPECTED = "a file that this program wrote; delete it to measure again";
const storedSchema = v.looseObject({ digest: v.string() });

/** A folder of measurements. */
export class MeasurementStore {
  /** A store in this folder, which the first measurement makes. */
  constructor(readonly directory: string) {}

  /**
   * The measurement with this key, if it is there: by its digest the one that was put there, and by its
   * key the one of the task and the circumstances that are asked for.
   *
   * @throws {MeasurementError} if its file cannot be read, or is not as this store wrote it.
   */
  async get(key: string): Promise<Measurement | undefined> {
    const path = this.#path(key, "json");
    const bytes = await readFileIfThere(path, MeasurementError, EXPECTED);
    if (!bytes) return undefined;
    const { digest, ...content } = parse(
      v.pipe(v.unknown(), storedSchema),
      json(bytes, path),
      path,
    );
    const measurement = parse(measurementSchema, content, path);
    if (digest !== sha256(canonical(measurement))) {
      throw unreadable(path, "another digest", "digest");
    }
    const { task, circumstances } = measurement;
    if (measurement.key !== key || measurementKey(task, circumstances) !== key) {
      throw unreadable(path, describeTask(task), "task");
    }
    return measurement;
  }

  /**
   * Keeps a measurement, with a digest of it.
   *
   * @throws {MeasurementError} if it holds NaN or an infinity, which JSON would turn into `null`.
   * @throws {OutputError} if it cannot be written.
   */
  async put(measurement: Measurement): Promise<void> {
    const path = this.#path(measurement.key, "json");
    const text = JSON.stringify(measurement, (field, value) => {
      if (typeof value !== "number" || Number.isFinite(value)) return value;
      throw notFinite(path, measurement, field, value);
    });
    const digest = sha256(canonical(JSON.parse(text)));
    await writeFileAtomic(path, JSON.stringify({ digest, ...measurement }, null, 1) + "\n");
  }

  /** Where the delta that a calibration made is kept. */
  deltaPath(key: string): string {
    return this.#path(key, "safetensors");
  }

  /** Whether that delta is there. */
  async hasDelta(key: string): Promise<boolean> {
    return await isThere(this.deltaPath(key));
  }

  #path(key: string, extension: string): string {
    return join(this.directory, `${key}.${extension}`);
  }
}

function json(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw unreadable(file, (cause as Error).message);
  }
}

function parse<T extends v.GenericSchema>(
  schema: T,
  content: unknown,
  file: string,
): v.InferOutput<T> {
  const result = v.safeParse(schema, content);
  if (result.success) return result.output;
  const { option, value } = firstIssue(result.issues);
  throw unreadable(file, value, option);
}

function unreadable(file: string, value: unknown, option?: string): MeasurementError {
  const problem = "is not a measurement as it was stored";
  return new MeasurementError({ problem, file, option, value, expected: EXPECTED });
}

function notFinite(
  file: string,
  { task }: Measurement,
  field: string,
  value: number,
): MeasurementError {
  return new MeasurementError({
    problem: `'${field}' of ${task.pair}, ${describeMethod(task.method)}, is not finite`,
    file,
    value: String(value),
    expected: "finite numbers; this model has diverged",
  });
}
