/**
 * How a client knows that it has all that a cell said. Deno's kernel passes streams and displays on,
 * each in its order, but says that a cell is done before it has passed all on: under load seconds
 * before. So the client has the kernel say a word on each of these ways, after the cell; once all are
 * heard, nothing of the cell is still to come.
 */

import type { Message } from "./messages.ts";

/** One word that nobody else says, and on which ways it has been heard. */
export class EndMark {
  readonly #word = `\u0000${crypto.randomUUID()}\u0000`;
  readonly #heard = Promise.withResolvers<void>();
  readonly #missing = new Set(["stdout", "stderr", "display"]);

  /**
   * What the kernel is to run. Not `console.log`, which a cell may have replaced, and which indents
   * within a group.
   */
  get source(): string {
    const word = JSON.stringify(this.#word);
    return `for (const isError of [false, true]) Deno[Deno.internal].core.print(${word}, isError);
    await Deno.jupyter.broadcast("display_data", { data: { "text/plain": ${word} }, metadata: {} });`;
  }

  /** Settles when the word has come on every way. */
  get heard(): Promise<void> {
    return this.#heard.promise;
  }

  /** Whether a message is the word, and no output. */
  isIn({ type, content }: Message): boolean {
    const way = type === "stream" ? content.name as string : "display";
    const said = type === "stream"
      ? content.text
      : (content.data as Record<string, unknown> | undefined)?.["text/plain"];
    if (said !== this.#word) return false;
    this.#missing.delete(way);
    if (this.#missing.size === 0) this.#heard.resolve();
    return true;
  }
}
