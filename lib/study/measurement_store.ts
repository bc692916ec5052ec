/**
 * Finished measurements on disk, one file each. A file appears whole or not at all, so that a run
 * that is killed at any moment loses at most the measurement in progress.
 */

import { join } from "node:path";
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { writeFileAtomic } from "../files.ts";
import type { Measurement } from "./measurement.ts";
import { describeMethod } from "./method.ts";

/** A stored measurement that cannot be read. */
export class MeasurementError extends InputError {}

const schema = v.looseObject({
  key: v.string(),
  task: v.looseObject({ kind: v.picklist(["calibration", "evaluation", "timing", "wall clock"]) }),
  circumstances: v.looseObject({}),
  device: v.looseObject({ device: v.picklist(["cpu", "webgpu"]), chosen: v.string() }),
  result: v.looseObject({}),
});

/** A folder of measurements. */
export class MeasurementStore {
  /** A store in this folder, which the first measurement makes. */
  constructor(readonly directory: string) {}

  /**
   * The measurement with this key, if it is there.
   *
   * @throws {MeasurementError} if its file is not one this store wrote.
   */
  async get(key: string): Promise<Measurement | undefined> {
    const path = this.#path(key, "json");
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    try {
      const measurement = v.parse(schema, JSON.parse(text));
      if (measurement.key === key) return measurement as unknown as Measurement;
    } catch (cause) {
      throw unreadable(path, (cause as Error).message);
    }
    throw unreadable(path, "another key inside");
  }

  /**
   * Keeps a measurement.
   *
   * @throws {MeasurementError} if it holds NaN or an infinity, which JSON would turn into `null`.
   * @throws {OutputError} if it cannot be written.
   */
  async put(measurement: Measurement): Promise<void> {
    const path = this.#path(measurement.key, "json");
    const text = JSON.stringify(measurement, (field, value) => {
      if (typeof value !== "number" || Number.isFinite(value)) return value;
      throw notFinite(path, measurement, field, value);
    }, 1);
    await writeFileAtomic(path, text + "\n");
  }

  /** Where the delta that a calibration made is kept. */
  deltaPath(key: string): string {
    return this.#path(key, "safetensors");
  }

  /** Whether that delta is there. */
  async hasDelta(key: string): Promise<boolean> {
    return await Deno.stat(this.deltaPath(key)).then(() => true, () => false);
  }

  #path(key: string, extension: string): string {
    return join(this.directory, `${key}.${extension}`);
  }
}

function unreadable(file: string, value: string): MeasurementError {
  return new MeasurementError({
    problem: "is not a measurement",
    file,
    value,
    expected: "a file that this program wrote; delete it to measure again",
  });
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
