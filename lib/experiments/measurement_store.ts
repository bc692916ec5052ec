/**
 * Finished measurements on disk, one file each. A file appears whole or not at all, so that a run
 * that is killed at any moment loses at most the measurement in progress.
 *
 * A file is named by what identifies its measurement: one of another form, as an older version of this
 * library wrote it, has another name and is not found.
 */

import { join } from "node:path";
import * as v from "valibot";
import { canonical, sha256 } from "../util/canonical.ts";
import { InputError } from "../util/errors.ts";
import { isThere, writeFileAtomic } from "../util/files.ts";
import { readFileIfThere } from "../util/read_file.ts";
import { firstIssue } from "../util/json_file.ts";
import { Claims } from "./claim.ts";
import { measurementSchema } from "./measurement_schema.ts";
import { type Kind, type Measurement, measurementId } from "./task.ts";

/** A stored measurement that cannot be read, or is missing where none may be made. */
export class MeasurementError extends InputError {}

const EXPECTED = "a file that this program wrote; delete it to measure again";
/** Of a measurement's file. */
const NAME = /^[0-9a-f]{32}\.json$/;

const sealed = v.pipe(v.unknown(), v.looseObject({ digest: v.string() }));

/**
 * A folder of measurements.
 *
 * @example
 * ```ts
 * import { MeasurementStore } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const store = new MeasurementStore("results/measurements");
 * assert.equal(store.directory, "results/measurements");
 * ```
 */
export class MeasurementStore {
  readonly #claims: Claims;

  /** A store in this folder, which the first measurement makes. */
  constructor(readonly directory: string) {
    this.#claims = new Claims(directory);
  }

  /**
   * The measurement of a kind with this key, if it is there whole: by its digest the one that was put
   * there.
   *
   * @throws {MeasurementError} if its file cannot be read, or is not as this store wrote it.
   */
  async get<Key, Result>(
    kind: Kind<Key, Result>,
    key: Key,
  ): Promise<Measurement<Key, Result> | undefined> {
    const id = measurementId(kind.name, key);
    const path = this.#path(id, "json");
    const bytes = await readFileIfThere(path, MeasurementError, EXPECTED);
    if (!bytes) return undefined;
    const { digest, ...content } = parse(sealed, json(bytes, path), path);
    const measurement = parse(measurementSchema(kind), content, path);
    if (digest !== sha256(canonical(content))) throw unreadable(path, "another digest", "digest");
    if (measurement.id !== id || measurementId(measurement.kind, measurement.key) !== id) {
      throw unreadable(path, canonical(measurement.key), "key");
    }
    if (kind.file !== null && !await isThere(this.#path(id, kind.file))) return undefined;
    return measurement;
  }

  /**
   * All measurements of a kind, whatever their keys; those of another form, as an older version wrote them,
   * are not found.
   *
   * @throws {MeasurementError} if a file of the store cannot be read.
   */
  async all<Key, Result>(kind: Kind<Key, Result>): Promise<Measurement<Key, Result>[]> {
    const schema = measurementSchema(kind);
    const found: Measurement<Key, Result>[] = [];
    if (!await isThere(this.directory)) return found;
    for await (const { name } of Deno.readDir(this.directory)) {
      const path = join(this.directory, name);
      const bytes = NAME.test(name) && await readFileIfThere(path, MeasurementError, EXPECTED);
      if (!bytes) continue;
      const { digest: _, ...content } = parse(sealed, json(bytes, path), path);
      const { success, output } = v.safeParse(schema, content);
      if (success) found.push(output);
    }
    return found;
  }

  /**
   * Keeps a measurement, with a digest of it.
   *
   * @param label of its task, for errors.
   * @throws {MeasurementError} if it holds NaN or an infinity, which JSON would turn into `null`.
   * @throws {OutputError} if it cannot be written.
   */
  async put(measurement: Measurement, label: string): Promise<void> {
    const path = this.#path(measurement.id, "json");
    const text = JSON.stringify(measurement, (field, value) => {
      if (typeof value !== "number" || Number.isFinite(value)) return value;
      throw new MeasurementError({
        problem: `'${field}' of ${label} is not finite`,
        file: path,
        value: String(value),
        expected: "finite numbers; this model has diverged",
      });
    });
    const digest = sha256(canonical(JSON.parse(text)));
    await writeFileAtomic(path, JSON.stringify({ digest, ...measurement }, null, 1) + "\n");
  }

  /** Where the file beside a measurement of this kind is kept. */
  filePath(kind: Kind<unknown, unknown>, id: string): string {
    return kind.file === null ? "" : this.#path(id, kind.file);
  }

  /** Where unfinished work on a measurement is kept. */
  statePath(id: string): string {
    return this.#path(id, "state");
  }

  /**
   * Claims the making of a measurement, until the claim is disposed of.
   *
   * @returns `null` if another process is at it.
   * @throws {OutputError} if the store cannot be written.
   */
  claim(id: string): Promise<AsyncDisposable | null> {
    return this.#claims.take(id);
  }

  /** Removes claims on finished measurements, which processes left that were killed in the act of giving them up. */
  async clearClaims(ids: Iterable<string>): Promise<void> {
    if (await isThere(this.directory)) await this.#claims.clear(new Set(ids));
  }

  #path(id: string, ending: string): string {
    return join(this.directory, `${id}.${ending}`);
  }
}

function json(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw unreadable(file, (cause as Error).message);
  }
}

function parse<Output>(
  schema: v.GenericSchema<unknown, Output>,
  content: unknown,
  file: string,
): Output {
  const result = v.safeParse(schema, content);
  if (result.success) return result.output;
  const { option, value } = firstIssue(result.issues);
  throw unreadable(file, value, option);
}

function unreadable(file: string, value: unknown, option?: string): MeasurementError {
  const problem = "is not a measurement as it was stored";
  return new MeasurementError({ problem, file, option, value, expected: EXPECTED });
}
