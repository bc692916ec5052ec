/** What is made when it is first asked for, and kept. */

/** Values by name, each made once. */
export class Once {
  readonly #made = new Map<string, Promise<unknown>>();

  /** The value of a name: the first `make` of a name makes it for all. */
  make<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(name) as Promise<T> | undefined;
    const made = known ?? make();
    this.#made.set(name, made);
    return made;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#made.clear();
  }
}
