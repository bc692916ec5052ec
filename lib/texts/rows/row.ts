/** Rows of a text as its readers give them, and which of them are asked for. */

/** A row of a file. */
export interface TextRow {
  /** Place in its file, from 1: of its line, or among its rows. */
  readonly number: number;
  /** Its text; `null` if it has none. */
  readonly text: string | null;
  /** The column or field of the text; `null` where a row is a line. */
  readonly column: string | null;
}

/** Goes through the rows of several files, and tells which of them are asked for. */
export class RowCursor {
  #at = 0;

  /** Asks for the rows from `from` to before `to`, counted from 0. */
  constructor(readonly from: number, readonly to: number) {}

  /** Whether no later row is asked for. */
  get isDone(): boolean {
    return this.#at >= this.to;
  }

  /** Rows that were passed. */
  get passed(): number {
    return this.#at;
  }

  /** Rows from here to the last that is asked for. */
  get left(): number {
    return this.to - this.#at;
  }

  /** Rows that were asked for and passed. */
  get read(): number {
    return Math.max(0, Math.min(this.#at, this.to) - this.from);
  }

  /** Passes a row; whether it is asked for. */
  next(): boolean {
    const at = this.#at++;
    return at >= this.from && at < this.to;
  }

  /** Passes `count` rows; the first of those that is asked for, and the first after these that is not. */
  pass(count: number): readonly [first: number, after: number] {
    const at = this.#at;
    this.#at += count;
    const within = (row: number) => Math.max(0, Math.min(count, row - at));
    return [within(this.from), within(this.to)];
  }
}
