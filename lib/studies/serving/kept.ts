/**
 * What was measured, kept on disk with all that it depends on: a notebook that is run again shows the same times, and
 * measures anew where a parameter, the machine's engine or the code is another.
 */

import { projectCode } from "../../experiments/code_identity.ts";
import { canonical } from "../../util/canonical.ts";
import { isFileSystemError } from "../../util/file_fault.ts";
import { writeFileAtomic } from "../../util/files.ts";
import type { RunKey } from "../../util/journal.ts";

/** The code that measures. */
const MEASURING = ["measure.ts", "steps.ts"].map((file) => new URL(file, import.meta.url).href);

/**
 * What is kept under `key` in a file, or what `measure` gives, which is kept then.
 *
 * @param path of the file; of another key, or damaged, it is written anew.
 * @param key all that the numbers depend on but code: engine, models, counts.
 * @throws {OutputError} if the file cannot be written; what `measure` throws, and then nothing is kept.
 *
 * @example
 * ```ts
 * import { keptMeasurement } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile();
 * let runs = 0;
 * const measure = () => Promise.resolve([++runs]);
 * assert.deepEqual(await keptMeasurement(path, { tenants: 2 }, measure), [1]);
 * assert.deepEqual(await keptMeasurement(path, { tenants: 2 }, measure), [1]);
 * assert.deepEqual(await keptMeasurement(path, { tenants: 4 }, measure), [2]);
 * await Deno.remove(path);
 * ```
 */
export async function keptMeasurement<Measured>(
  path: string,
  key: RunKey,
  measure: () => Promise<Measured>,
): Promise<Measured> {
  const code = await projectCode.identity(MEASURING);
  const whole = canonical({ ...key, code });
  const known = await read(path);
  if (known?.key === whole) return known.measured as Measured;
  const measured = await measure();
  await writeFileAtomic(path, JSON.stringify({ key: whole, measured }));
  return measured;
}

async function read(path: string): Promise<{ key?: unknown; measured?: unknown } | null> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    // Nothing is there, or nothing that can be used: both are measured.
    if (error instanceof SyntaxError || isFileSystemError(error)) return null;
    throw error;
  }
}
