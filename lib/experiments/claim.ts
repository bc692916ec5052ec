/**
 * Claims on tasks: of several processes that work through one store, the one that makes a task.
 *
 * A claim is a file that its owner creates, holds under the system's lock, and touches now and then. On
 * one host the lock tells whether the owner lives, for it ends with its process; on another host, where
 * locks may not reach, a claim is dead once nothing has touched it for a while. A dead claim is taken over
 * by creating the next of its name: as files are created by one process alone, so are tasks.
 */

import { join } from "node:path";
import * as v from "valibot";
import { fileFault, isFileSystemError } from "../util/file_fault.ts";
import { makeFolder, removeIfThere, writeAll } from "../util/files.ts";
import { OutputError } from "../util/errors.ts";

/** How often an owner touches its claim, in milliseconds. */
const BEAT = 15_000;

/** After how many milliseconds without a touch another host's claim is dead: many beats missed. */
const DEAD_AFTER = 180_000;

const ownerSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ process: v.number(), host: v.string(), started: v.string() }),
);

/** Who asks, and by which clock. */
export interface ClaimOptions {
  /** Default: this one. */
  readonly host?: string;
  /** Milliseconds of a clock that never goes back; default: the process's. */
  readonly now?: () => number;
}

/** The claims in one folder, as one process sees them. */
export class Claims {
  /** When a claim of another host was first seen as it is. */
  readonly #seen = new Map<string, { readonly touched: number; readonly since: number }>();
  readonly #now: () => number;

  /** Claims are files of this folder, which the first makes. */
  constructor(readonly folder: string, private readonly options: ClaimOptions = {}) {
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Claims a name, until the claim is disposed of or the process ends.
   *
   * @returns `null` if another has it.
   * @throws {OutputError} if the folder cannot be written.
   */
  async take(name: string): Promise<AsyncDisposable | null> {
    try {
      await makeFolder(this.folder);
      const earlier = await this.#earlier(name);
      const last = earlier.at(-1);
      if (last !== undefined && await this.#isAlive(this.#path(name, last))) return null;
      await using made = new AsyncDisposableStack();
      const claim = await this.#create(this.#path(name, (last ?? -1) + 1));
      if (claim === null) return null;
      made.use(claim);
      for (const each of earlier) await removeIfThere(this.#path(name, each));
      return made.move();
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
      const fault = fileFault(error, "a writable folder");
      throw new OutputError({ problem: "cannot be claimed in", file: this.folder, ...fault });
    }
  }

  /**
   * Removes what is left of claims on these names: of owners that were killed when all was done but this.
   * What cannot be removed stays, and harms nobody.
   */
  async clear(names: ReadonlySet<string>): Promise<void> {
    for await (const entry of Deno.readDir(this.folder)) {
      const claim = parsed(entry.name);
      if (claim && names.has(claim.name)) {
        await Deno.remove(join(this.folder, entry.name)).catch(() => {});
      }
    }
  }

  get #host(): string {
    return this.options.host ?? Deno.hostname();
  }

  #path(name: string, number: number): string {
    return join(this.folder, `${name}.${number}.claim`);
  }

  /** Numbers of the claims of a name that are there, the last of which counts. */
  async #earlier(name: string): Promise<number[]> {
    const numbers: number[] = [];
    for await (const entry of Deno.readDir(this.folder)) {
      const claim = parsed(entry.name);
      if (claim?.name === name) numbers.push(claim.number);
    }
    return numbers.sort((a, b) => a - b);
  }

  async #create(path: string): Promise<AsyncDisposable | null> {
    const file = await Deno.open(path, { write: true, createNew: true }).catch((error) => {
      if (error instanceof Deno.errors.AlreadyExists) return null;
      throw error;
    });
    if (file === null) return null;
    await using claim = new AsyncDisposableStack();
    claim.use(file);
    claim.defer(() => removeIfThere(path));
    // Where there are no locks, touching the file has to do.
    await file.lock(true).catch(() => {});
    const owner = { process: Deno.pid, host: this.#host, started: new Date().toISOString() };
    await writeAll(file, new TextEncoder().encode(JSON.stringify(owner)));
    // A beat that fails is missed: of an owner that cannot be seen nobody knows but by its lock.
    const beat = setInterval(() => file.utime(new Date(), new Date()).catch(() => {}), BEAT);
    Deno.unrefTimer(beat);
    claim.defer(() => clearInterval(beat));
    return claim.move();
  }

  async #isAlive(path: string): Promise<boolean> {
    using file = await Deno.open(path).catch((error) => {
      // Its owner is done: whether the task is, the next look tells.
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
    if (file === null) return true;
    const isLocked = await stateOfLock(file);
    if (isLocked) return true;
    const owner = v.safeParse(ownerSchema, await Deno.readTextFile(path).catch(() => ""));
    // An owner that has not written its name yet may be of any host.
    if (isLocked === false && owner.success && owner.output.host === this.#host) return false;
    const touched = (await file.stat()).mtime?.getTime() ?? 0;
    const seen = this.#seen.get(path);
    if (seen?.touched === touched) return this.#now() - seen.since < DEAD_AFTER;
    this.#seen.set(path, { touched, since: this.#now() });
    return true;
  }
}

/** What a file claims, and the how manyth claim on it this is; `null` if it is none. */
function parsed(file: string): { name: string; number: number } | null {
  const [, name, number] = /^([^.]+)\.(\d+)\.claim$/.exec(file) ?? [];
  return name === undefined ? null : { name, number: Number(number) };
}

/** Whether a file is locked; `null` on a file system without locks. */
async function stateOfLock(file: Deno.FsFile): Promise<boolean | null> {
  try {
    if (!await file.tryLock(false)) return true;
    await file.unlock();
    return false;
  } catch {
    return null;
  }
}
