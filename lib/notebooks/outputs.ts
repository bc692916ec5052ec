/**
 * From a kernel's messages to the outputs of a notebook's cells, as Jupyter shows them in the end:
 * a display that was updated in its last state, consecutive text of one stream as one output. What one
 * cell may leave is bounded, and what is left out is said in its outputs. Time is in proportion to the
 * messages, however many displays have one id.
 */

import type { Message } from "./messages.ts";
import type { DisplayOutput, ErrorOutput, JsonObject, Output, StreamOutput } from "./notebook.ts";
import { completed } from "./notebook_schema.ts";
import { TerminalText } from "./terminal_text.ts";

/** Characters of a cell's outputs that are kept; far more than a page can show. */
const LARGEST = 32_000_000;
/** Characters that an output counts for beside its own. */
const OVERHEAD = 200;
/** Lines of an error that comes after all that is kept, and characters of each. */
const ERROR_LINES = 20;
const ERROR_LINE = 1000;

/** All displays of one id, also in other cells: an update is of them all. */
interface Family {
  readonly id: string;
  /** How many there are, and their characters. */
  count: number;
  size: number;
  /** How often they were updated, and the last update with its characters. */
  updates: number;
  last?: { shown: DisplayOutput; size: number };
}

interface Display {
  output_type: "display_data";
  /** As it was first shown. */
  shown: DisplayOutput;
  size: number;
  family?: Family;
  /** Updates of its family that came before it, and are not of it. */
  before: number;
}

type Piece =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: TerminalText }
  | Display
  | Exclude<Output, { output_type: "stream" | "display_data" | "error" }>;

/** The outputs of one run of a notebook. */
export class OutputCollector {
  /** By id; a later cell may update the displays of an earlier one. */
  readonly #families = new Map<string, Family>();
  readonly #largest: number;

  /** @param largest characters of one cell's outputs that are kept. */
  constructor(largest = LARGEST) {
    this.#largest = largest;
  }

  /** Collects one cell's outputs. */
  cell(executionCount: number): CellOutputs {
    return new CellOutputs(executionCount, this.#families, this.#largest);
  }
}

/** The outputs of one cell. */
export class CellOutputs {
  readonly #executionCount: number;
  readonly #families: Map<string, Family>;
  readonly #largest: number;
  #pieces: Piece[] = [];
  /** What ended the cell: a kernel may send it before words that the cell said earlier. */
  #error: ErrorOutput | undefined;
  /** Characters of all pieces. */
  #size = 0;
  #leftOut = 0;
  #clearNext = false;

  constructor(executionCount: number, families: Map<string, Family>, largest: number) {
    this.#executionCount = executionCount;
    this.#families = families;
    this.#largest = largest;
  }

  /** The outputs so far, as a notebook holds them. */
  get outputs(): Output[] {
    const outputs = this.#pieces.map((piece): Output => {
      if (piece.output_type === "stream") return { ...piece, text: piece.text.toString() };
      if (piece.output_type !== "display_data") return piece;
      return stateOf(piece).shown;
    });
    const end = this.#error ? [this.#error] : [];
    if (this.#leftOut === 0) return [...outputs, ...end];
    const [kept, more] = [this.#largest, this.#leftOut].map((count) => count.toLocaleString("en"));
    const text =
      `[outputs of a cell are kept up to ${kept} characters: ${more} more are left out]\n`;
    return [...outputs, { output_type: "stream", name: "stderr", text }, ...end];
  }

  /** Takes the next message; one that nbformat has no output for is passed over. */
  receive({ type, content }: Message): void {
    if (type === "clear_output") {
      if (content.wait) this.#clearNext = true;
      else this.#clear();
      return;
    }
    const isUpdate = type === "update_display_data";
    const output = completed({ ...content, output_type: isUpdate ? "display_data" : type });
    switch (output?.output_type) {
      case "stream":
        this.#write(output);
        break;
      case "display_data":
        if (isUpdate) this.#update(output, displayId(content));
        else this.#show(output, displayId(content));
        break;
      case "execute_result":
        this.#add({ ...output, execution_count: this.#executionCount }, sizeOf(output));
        break;
      case "error":
        this.#clearIfAsked();
        this.#error = sizeOf(output) > this.#room ? shortened(output) : output;
    }
  }

  /** Characters that may still come. */
  get #room(): number {
    // Once an output did not fit, none does.
    return this.#leftOut > 0 ? 0 : Math.max(0, this.#largest - this.#size);
  }

  #write({ name, text }: StreamOutput): void {
    this.#clearIfAsked();
    let last = this.#pieces.at(-1);
    if (last?.output_type !== "stream" || last.name !== name) {
      last = { output_type: "stream", name, text: new TerminalText() };
      if (!this.#add(last, OVERHEAD)) {
        this.#leftOut += text.length;
        return;
      }
    }
    const before = last.text.length;
    const room = this.#room;
    last.text.write(text.slice(0, room));
    this.#size += last.text.length - before;
    this.#leftOut += Math.max(0, text.length - room);
  }

  #show(shown: DisplayOutput, id: string | undefined): void {
    const display: Display = { output_type: "display_data", shown, size: sizeOf(shown), before: 0 };
    if (!this.#add(display, display.size)) {
      this.#leftOut += display.size;
      return;
    }
    if (id === undefined) return;
    const family = this.#families.get(id) ?? { id, count: 0, size: 0, updates: 0 };
    this.#families.set(id, family);
    family.count++;
    family.size += display.size;
    Object.assign(display, { family, before: family.updates });
  }

  #update(shown: DisplayOutput, id: string | undefined): void {
    const family = id === undefined ? undefined : this.#families.get(id);
    if (!family) return;
    const size = sizeOf(shown);
    const growth = family.count * size - family.size;
    if (growth > this.#room) {
      this.#leftOut += growth;
      return;
    }
    this.#size += growth;
    family.size += growth;
    family.updates++;
    family.last = { shown, size };
  }

  /** Adds an output of a size, if there is room. */
  #add(piece: Piece, size: number): boolean {
    this.#clearIfAsked();
    if (this.#leftOut > 0 || size > this.#room) {
      if (piece.output_type === "execute_result") this.#leftOut += size;
      return false;
    }
    this.#pieces.push(piece);
    this.#size += size;
    return true;
  }

  #clearIfAsked(): void {
    if (this.#clearNext) this.#clear();
  }

  #clear(): void {
    for (const piece of this.#pieces) {
      if (piece.output_type !== "display_data" || !piece.family) continue;
      const { family } = piece;
      family.size -= stateOf(piece).size;
      if (--family.count === 0) this.#families.delete(family.id);
    }
    this.#pieces = [];
    this.#size = 0;
    this.#leftOut = 0;
    this.#clearNext = false;
  }
}

/** What a display shows now. */
function stateOf(display: Display): { shown: DisplayOutput; size: number } {
  const { family, before } = display;
  return family?.last && family.updates > before ? family.last : display;
}

function sizeOf(output: Output): number {
  return OVERHEAD + JSON.stringify(output).length;
}

function shortened({ ename, evalue, traceback, ...error }: ErrorOutput): ErrorOutput {
  const cut = (text: string) => text.slice(0, ERROR_LINE);
  return {
    ...error,
    ename: cut(ename),
    evalue: cut(evalue),
    traceback: traceback.slice(0, ERROR_LINES).map(cut),
  };
}

function displayId({ transient }: JsonObject): string | undefined {
  return (transient as { display_id?: string } | undefined)?.display_id;
}
