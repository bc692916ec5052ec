/** What layers that read the same inputs share: found once, freed after the last of them. */

/**
 * Work that is done once for a group of layers, such as the covariance of their inputs. Dispose of it to free what
 * was found.
 *
 * @example
 * ```ts
 * import { GroupWork } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * let freed = 0;
 * {
 *   await using group = new GroupWork();
 *   const find = () => Promise.resolve({ [Symbol.dispose]: () => void freed++ });
 *   assert.equal(await group.get("covariance", find), await group.get("covariance", find));
 *   assert.equal(freed, 0);
 * }
 * assert.equal(freed, 1);
 * ```
 */
export class GroupWork implements AsyncDisposable {
  readonly #found = new Map<string, Promise<Disposable | AsyncDisposable>>();

  /**
   * What is found under a name, by the first who asks for it; it stays the group's.
   *
   * @param name says all that it depends on beside the inputs.
   */
  get<Result extends Disposable | AsyncDisposable>(
    name: string,
    find: () => Promise<Result>,
  ): Promise<Result> {
    const known = this.#found.get(name) as Promise<Result> | undefined;
    const found = known ?? find();
    this.#found.set(name, found);
    return found;
  }

  /** Frees what was found; what failed has told who asked so. */
  async [Symbol.asyncDispose](): Promise<void> {
    const found = [...this.#found.values()];
    this.#found.clear();
    for (const each of await Promise.allSettled(found)) {
      if (each.status === "rejected") continue;
      if (Symbol.asyncDispose in each.value) await each.value[Symbol.asyncDispose]();
      else each.value[Symbol.dispose]();
    }
  }
}
