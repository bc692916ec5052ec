/** What goes wrong on the loopback Hub when a test says so. */

/** A fault, for requests to some paths. */
export interface Fault {
  /** Which requests, by path and search. */
  readonly on: RegExp;
  /** How many; default: all. */
  readonly times?: number;
  /** Answers with this status and nothing else. */
  readonly status?: number;
  /** Further headers of it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of it. */
  readonly body?: string;
  /** Ends the connection after so many bytes of the body. */
  readonly cut?: number;
  /** Sends other bytes than it should, as many. */
  readonly wrong?: boolean;
  /** Sends the pointer of Git LFS. */
  readonly pointer?: boolean;
  /** Knows no ranges: sends all. */
  readonly whole?: boolean;
  /** Says another size, in listings. */
  readonly size?: number;
  /** Sends what another commit has at this path. */
  readonly commit?: string;
  /** Never answers. */
  readonly silent?: boolean;
}

/** Faults that are switched on. */
export class Faults {
  readonly #faults: { readonly fault: Fault; left: number }[] = [];

  /** Switches one on. */
  add(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? Infinity });
  }

  /** Switches all off. */
  clear(): void {
    this.#faults.length = 0;
  }

  /** The first that a request meets, which counts as once. */
  take({ pathname, search }: URL): Fault {
    const met = this.#faults.find(({ fault, left }) =>
      left > 0 && fault.on.test(pathname + search)
    );
    if (met) met.left--;
    return met?.fault ?? { on: /^/ };
  }
}
