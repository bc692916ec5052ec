/**
 * Which tenants a server has, on the disk: what brings them back after a restart, or a kill. Each change is written
 * whole before it is told of. Not here: loading them.
 */

import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { OptionError, OutputError } from "../../util/errors.ts";
import { holdFile } from "../../util/held_file.ts";
import { asOutputErrors, isThere, makeFolder, writeFileAtomic } from "../../util/files.ts";
import { firstIssue, readJsonFile } from "../../util/json_file.ts";
import { isTenantName } from "./deltas_folder.ts";

const entrySchema = v.strictObject({
  name: v.pipe(v.string(), v.check(isTenantName, "a tenant's name")),
  source: v.string(),
  pinned: v.boolean(),
  loaded: v.boolean(),
});
const schema = v.strictObject({ version: v.literal(1), tenants: v.array(entrySchema) });
const FILE = { mostBytes: 1e8, expected: "a manifest that a server wrote" };

/** A tenant, and whether it was in memory. */
export type ManifestEntry = v.InferOutput<typeof entrySchema>;

/** A manifest that is this process's, until it is disposed of. */
export class Manifest implements Disposable {
  readonly #lock: Deno.FsFile;
  #entries: readonly ManifestEntry[];

  private constructor(readonly path: string, lock: Deno.FsFile, entries: readonly ManifestEntry[]) {
    this.#lock = lock;
    this.#entries = entries;
  }

  /**
   * Reads a manifest, and writes it; one that is not there has no tenants.
   *
   * @throws {OptionError} if it is none; {OutputError} if another server has it, or its folder cannot be written.
   */
  static async open(path: string): Promise<Manifest> {
    const lock = await asOutputErrors(path, async () => {
      await makeFolder(dirname(resolve(path)));
      return await holdFile(lockOf(path));
    });
    if (lock === null) {
      const problem = "is in use by another server";
      throw new OutputError({ problem, file: path, expected: "a manifest for each server" });
    }
    try {
      const entries = await read(path);
      // It can be written, or nothing is begun; and what a kill left beside it goes.
      await write(path, entries);
      return new Manifest(path, lock, entries);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** What it says. */
  get entries(): readonly ManifestEntry[] {
    return this.#entries;
  }

  /** Writes what it is to say, unless it says so. @throws {OutputError} if it cannot be written. */
  async write(entries: readonly ManifestEntry[]): Promise<void> {
    if (JSON.stringify(entries) === JSON.stringify(this.#entries)) return;
    await write(this.path, entries);
    this.#entries = entries;
  }

  /** Lets another server have it. */
  [Symbol.dispose](): void {
    // Removed before it is unlocked: else another's lock on it could be removed.
    Deno.removeSync(lockOf(this.path));
    this.#lock.close();
  }
}

async function write(path: string, tenants: readonly ManifestEntry[]): Promise<void> {
  await writeFileAtomic(path, JSON.stringify({ version: 1, tenants }, null, 2) + "\n");
}

/** Not the manifest itself, in whose place another file comes with each writing. */
function lockOf(path: string): string {
  return `${path}.lock`;
}

async function read(path: string): Promise<readonly ManifestEntry[]> {
  if (!await isThere(path)) return [];
  const { json } = await readJsonFile(path, OptionError, FILE);
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output.tenants;
  const problem = "is no manifest of a server";
  throw new OptionError({ problem, file: path, ...firstIssue(parsed.issues) });
}
