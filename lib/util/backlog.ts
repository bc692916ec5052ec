/** Work that goes on while its giver does other things, within a bound. Dispose of it to wait for what has begun. */

/** Work that was given and is not done yet. */
export class Backlog implements AsyncDisposable {
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | null = null;

  /** @param mostBytes that work holds at once, unless one takes more by itself. */
  constructor(readonly mostBytes: number) {}

  /**
   * Begins work once there is room for it.
   *
   * @param bytes that it holds until it is done.
   * @throws what work that was given before has thrown.
   */
  async add(bytes: number, work: () => Promise<void>): Promise<void> {
    while (this.#bytes > 0 && this.#bytes + bytes > this.mostBytes) {
      await Promise.race(this.#running);
    }
    if (this.#failure) throw this.#failure.error;
    this.#bytes += bytes;
    const running = work()
      .catch((error) => void (this.#failure ??= { error }))
      .finally(() => {
        this.#running.delete(running);
        this.#bytes -= bytes;
      });
    this.#running.add(running);
  }

  /**
   * Waits for all of it.
   *
   * @throws what any of it has thrown.
   */
  async done(): Promise<void> {
    await this[Symbol.asyncDispose]();
    if (this.#failure) throw this.#failure.error;
  }

  /** Waits for all of it, failed or not. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
