/**
 * From a kernel's messages to the outputs of a notebook's cells, as Jupyter shows them in the end:
 * a display that was updated in its last state, consecutive text of one stream as one output.
 */

import type { Message } from "./messages.ts";
import type { DisplayOutput, JsonObject, MimeBundle, Output, ResultOutput } from "./notebook.ts";

interface Display {
  data: MimeBundle;
  metadata?: JsonObject;
  transient?: { display_id?: string };
}

/** The outputs of one run of a notebook. */
export class OutputCollector {
  /** Outputs that later messages may change, by their display id; they may be of earlier cells. */
  readonly #displays = new Map<string, DisplayOutput[]>();

  /**
   * Collects one cell's outputs.
   *
   * @returns the outputs, which grow as messages come, and what takes the messages.
   */
  cell(executionCount: number): { outputs: Output[]; receive: (message: Message) => void } {
    const outputs: Output[] = [];
    let clearNext = false;
    const add = (output: Output) => {
      if (clearNext) outputs.length = 0;
      clearNext = false;
      outputs.push(output);
    };
    const receive = ({ type, content }: Message) => {
      switch (type) {
        case "stream": {
          const { name, text } = content as { name: "stdout" | "stderr"; text: string };
          const last = clearNext ? undefined : outputs.at(-1);
          if (last?.output_type === "stream" && last.name === name) {
            last.text = overwritten(last.text + text);
          } else add({ output_type: "stream", name, text: overwritten(text) });
          break;
        }
        case "display_data":
          add(this.#display(content as unknown as Display));
          break;
        case "update_display_data":
          this.#update(content as unknown as Display);
          break;
        case "execute_result": {
          const { data, metadata } = content as unknown as Display;
          add(result(data, metadata ?? {}, executionCount));
          break;
        }
        case "error": {
          const { ename, evalue, traceback } = content as Record<string, never>;
          add({ output_type: "error", ename, evalue, traceback });
          break;
        }
        case "clear_output":
          if (content.wait) clearNext = true;
          else outputs.length = 0;
      }
    };
    return { outputs, receive };
  }

  #display({ data, metadata = {}, transient }: Display): DisplayOutput {
    const output: DisplayOutput = { output_type: "display_data", data, metadata };
    const id = transient?.display_id;
    if (id !== undefined) this.#displays.set(id, [...this.#displays.get(id) ?? [], output]);
    return output;
  }

  #update({ data, metadata = {}, transient }: Display): void {
    for (const output of this.#displays.get(transient?.display_id ?? "") ?? []) {
      Object.assign(output, { data, metadata });
    }
  }
}

function result(data: MimeBundle, metadata: JsonObject, execution_count: number): ResultOutput {
  return { output_type: "execute_result", data, metadata, execution_count };
}

/** Text as a terminal leaves it: what follows a carriage return replaces the line before it. */
function overwritten(text: string): string {
  return text.replace(/[^\n]*\r(?![\r\n]|$)/g, "");
}
