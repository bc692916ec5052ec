/**
 * Text that arrives piece by piece, as Jupyter shows it in the end: what follows a carriage return is
 * written over the line, a backspace takes a character back. Time is in proportion to the text, however
 * it is cut and however long its lines are. Not a terminal: no escape sequence is looked at.
 */

/** A stream's text so far. */
export class TerminalText {
  /** Lines that are over. */
  #done = "";
  /** The last line, while nothing in it goes back. */
  #line = "";
  /** The last line once something in it goes back: what is under, and what is written over it. */
  #edited: { under: string[]; over: string[]; returned: boolean } | undefined;

  /** How many characters are held. */
  get length(): number {
    const { under, over } = this.#edited ?? { under: [], over: [] };
    return this.#done.length + this.#line.length + under.length + over.length;
  }

  write(text: string): void {
    if (this.#edited || /[\r\b]/.test(text)) {
      for (const [piece] of text.matchAll(/[\n\r\b]|[^\n\r\b]+/g)) this.#edit(piece);
      return;
    }
    const rest = text.lastIndexOf("\n") + 1;
    if (rest > 0) {
      this.#done += this.#line + text.slice(0, rest);
      this.#line = "";
    }
    this.#line += text.slice(rest);
  }

  toString(): string {
    return this.#done + this.#lastLine();
  }

  #edit(piece: string): void {
    if (piece === "\n") {
      this.#done += this.#lastLine() + piece;
      this.#line = "";
      this.#edited = undefined;
      return;
    }
    this.#edited ??= { under: [], over: Array.from(this.#line), returned: false };
    this.#line = "";
    const { under, over } = this.#edited;
    if (piece === "\b") over.pop();
    else if (piece === "\r") {
      over.forEach((character, at) => under[at] = character);
      this.#edited = { under, over: [], returned: true };
    } else for (const character of piece) over.push(character);
  }

  #lastLine(): string {
    if (!this.#edited) return this.#line;
    const { under, over, returned } = this.#edited;
    // A return that nothing follows stays: it may end the line with the line feed that comes.
    const end = returned && over.length === 0 ? "\r" : "";
    return over.join("") + under.slice(over.length).join("") + end;
  }
}
