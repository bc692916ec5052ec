/**
 * A connection that a kernel opens and never closes, so that a test sees, without asking any table of
 * processes, when the kernel runs and when it is gone.
 */

import assert from "node:assert/strict";

/** Milliseconds after which a kernel that should be gone is taken to live on. */
const LIMIT = 20_000;

/** Waits for one kernel. */
export class Lifeline implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #kernel?: Deno.Conn;

  /** Source of a cell that takes hold of the line. */
  get source(): string {
    const { port } = this.#listener.addr as Deno.NetAddr;
    return `const lifeline = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });`;
  }

  /** Settles when a kernel has run the cell. */
  async held(): Promise<void> {
    this.#kernel = await this.#listener.accept();
  }

  /** Settles when the kernel that ran the cell is gone; rejects if it does not go. */
  async dropped(): Promise<void> {
    assert.ok(this.#kernel, "no kernel has taken hold");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the kernel lives on")), LIMIT);
    });
    // A killed process may end a connection with a reset.
    const end = this.#kernel.read(new Uint8Array(1)).catch(() => null);
    try {
      assert.equal(await Promise.race([end, limit]), null);
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#kernel?.close();
    this.#listener.close();
  }
}
