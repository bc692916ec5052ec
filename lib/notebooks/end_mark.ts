/**
 * How a client knows that it has all that a cell said. Deno's kernel passes streams and displays on,
 * each in its order, but says that a cell is done before it has passed all on: under load seconds
 * before. So the client has the kernel say a word on each of these ways, after the cell; once all are
 * heard, nothing of the cell is still to come.
 */

import type { Message } from "./messages.ts";

/** A kernel's means of saying a word, which no cell can take away. */
export class EndMarks {
  readonly #name = `end-mark-${crypto.randomUUID()}`;

  /** What the kernel is to run before any cell: keeps its means as they are then, where nobody looks. */
  get setup(): string {
    return `((log, error, broadcast) => {
      const value = (word) => {
        log(word);
        error(word);
        return broadcast("display_data", { data: { "text/plain": word }, metadata: {} });
      };
      Object.defineProperty(globalThis, ${JSON.stringify(this.#name)}, { value });
    })(console.log, console.error, Deno.jupyter.broadcast);`;
  }

  /** A new word. */
  next(): EndMark {
    return new EndMark(this.#name);
  }
}

/** One word that nobody else says, and on which ways it has been heard. */
export class EndMark {
  readonly #word = crypto.randomUUID();
  readonly #heard = Promise.withResolvers<void>();
  readonly #missing = new Set(["stdout", "stderr", "display"]);
  readonly #name: string;

  /** @param name of what says a word, in the kernel. */
  constructor(name: string) {
    this.#name = name;
  }

  /** What the kernel is to run. */
  get source(): string {
    return `await globalThis[${JSON.stringify(this.#name)}](${JSON.stringify(this.#word)});`;
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
    // Within a group of a cell's the console indents it.
    if (typeof said !== "string" || said.trim() !== this.#word) return false;
    this.#missing.delete(way);
    if (this.#missing.size === 0) this.#heard.resolve();
    return true;
  }
}
