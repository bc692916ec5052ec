/**
 * From a kernel's messages to the outputs of a notebook's cells, as Jupyter shows them in the end:
 * a display that was updated in its last state, consecutive text of one stream as one output. What one
 * cell may leave is bounded, and what is left out is said in its outputs.
 */

import type { Message } from "./messages.ts";
import type { JsonObject, MimeBundle, Output } from "./notebook.ts";
import { TerminalText } from "./terminal_text.ts";

/** Characters of a cell's outputs that are kept; far more than a page can show. */
const LARGEST = 32_000_000;
/** Characters that an output counts for beside its own. */
const OVERHEAD = 200;

/** What later messages may change of a display. */
interface Display {
  data: MimeBundle;
  metadata: JsonObject;
}

type Piece =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: TerminalText }
  | { output_type: "display_data"; display: Display }
  | Exclude<Output, { output_type: "stream" | "display_data" }>;

/** The outputs of one run of a notebook. */
export class OutputCollector {
  /** Displays by their id; a later cell may update those of an earlier one. */
  readonly #displays = new Map<string, Display[]>();
  readonly #largest: number;

  /** @param largest characters of one cell's outputs that are kept. */
  constructor(largest = LARGEST) {
    this.#largest = largest;
  }

  /** Collects one cell's outputs. */
  cell(executionCount: number): CellOutputs {
    return new CellOutputs(executionCount, this.#displays, this.#largest);
  }
}

/** The outputs of one cell. */
export class CellOutputs {
  readonly #executionCount: number;
  readonly #displays: Map<string, Display[]>;
  readonly #largest: number;
  #pieces: Piece[] = [];
  /** Characters of all pieces. */
  #size = 0;
  #leftOut = 0;
  #clearNext = false;

  constructor(executionCount: number, displays: Map<string, Display[]>, largest: number) {
    this.#executionCount = executionCount;
    this.#displays = displays;
    this.#largest = largest;
  }

  /** The outputs so far, as a notebook holds them. */
  get outputs(): Output[] {
    const outputs = this.#pieces.map((piece): Output => {
      if (piece.output_type === "stream") return { ...piece, text: piece.text.toString() };
      if (piece.output_type !== "display_data") return piece;
      return { output_type: "display_data", ...piece.display };
    });
    if (this.#leftOut === 0) return outputs;
    const [kept, more] = [this.#largest, this.#leftOut].map((count) => count.toLocaleString("en"));
    const text =
      `[outputs of a cell are kept up to ${kept} characters: ${more} more are left out]\n`;
    return [...outputs, { output_type: "stream", name: "stderr", text }];
  }

  /** Takes the next message. */
  receive({ type, content }: Message): void {
    switch (type) {
      case "stream":
        this.#write(content as { name: "stdout" | "stderr"; text: string });
        break;
      case "display_data":
        this.#show(content);
        break;
      case "update_display_data":
        for (const display of this.#displays.get(displayId(content) ?? "") ?? []) {
          Object.assign(display, displayOf(content));
        }
        break;
      case "execute_result": {
        const execution_count = this.#executionCount;
        this.#add({ output_type: "execute_result", ...displayOf(content), execution_count });
        break;
      }
      case "error": {
        const { ename, evalue, traceback } = content as Record<string, never>;
        this.#add({ output_type: "error", ename, evalue, traceback });
        break;
      }
      case "clear_output":
        if (content.wait) this.#clearNext = true;
        else this.#clear();
    }
  }

  #write({ name, text }: { name: "stdout" | "stderr"; text: string }): void {
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
    const room = this.#leftOut > 0 ? 0 : Math.max(0, this.#largest - this.#size);
    last.text.write(text.slice(0, room));
    this.#size += last.text.length - before;
    this.#leftOut += Math.max(0, text.length - room);
  }

  #show(content: JsonObject): void {
    const display = displayOf(content);
    const id = displayId(content);
    if (!this.#add({ output_type: "display_data", display }) || id === undefined) return;
    const displays = this.#displays.get(id);
    if (displays) displays.push(display);
    else this.#displays.set(id, [display]);
  }

  /** Adds an output of a size. Once one did not fit, none does; but an error always does. */
  #add(piece: Piece, size = OVERHEAD + JSON.stringify(piece).length): boolean {
    this.#clearIfAsked();
    const fits = this.#leftOut === 0 && this.#size + size <= this.#largest;
    if (!fits && piece.output_type !== "error") {
      if (piece.output_type !== "stream") this.#leftOut += size;
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
    this.#pieces = [];
    this.#size = 0;
    this.#leftOut = 0;
    this.#clearNext = false;
  }
}

function displayOf({ data, metadata = {} }: JsonObject): Display {
  return { data, metadata } as Display;
}

function displayId({ transient }: JsonObject): string | undefined {
  return (transient as { display_id?: string } | undefined)?.display_id;
}
