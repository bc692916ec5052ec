/**
 * Where views are shown: below a notebook's cell, or as text wherever else a notebook's code runs. The
 * one place in `lib/` that writes to a terminal, as whoever shows something asks for it.
 */

import { InputError } from "../util/errors.ts";
import { isKernel, surviveInterrupts } from "./interrupt.ts";
import type { View } from "./view.ts";

/** Something is to be shown where there is no notebook to show it in. */
export class DisplayError extends InputError {}

/** A place to show views. */
export interface Screen {
  /** Shows a view. */
  show(view: View): Promise<void>;
  /** Shows a view that others will take the place of. */
  open(view: View): Promise<OpenView>;
}

/** A view that changes where it stands. */
export interface OpenView {
  /** Puts a view in the place of the last. */
  update(view: View): Promise<void>;
  /** The last update. */
  close(view: View): Promise<void>;
}

/** Displays opened so far in this process: each needs an id of its own in the kernel's session. */
let opened = 0;

/**
 * Milliseconds that a message is given to leave: the kernel's `broadcast` settles before that, and what
 * a cell shows last could come after the word that it is done, which some clients stop listening at.
 */
const SENDING = 10;
/** What brings a terminal back to the start of its line, and empties it. */
const BACK = "\r\x1b[K";

/**
 * The cell that runs, in Deno's Jupyter kernel.
 *
 * @throws {DisplayError} outside of a kernel.
 *
 * @example
 * ```ts
 * import { DisplayError, notebookScreen } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // This is no notebook.
 * assert.throws(() => notebookScreen(), DisplayError);
 * ```
 */
export function notebookScreen(): Screen {
  const broadcast = kernelBroadcast();
  surviveInterrupts();
  const send = async (type: string, view: View, transient: Record<string, string>) => {
    await broadcast(type, { ...view, transient });
    await new Promise((resolve) => setTimeout(resolve, SENDING));
  };
  return {
    show: (view) => send("display_data", view, {}),
    open: async (view) => {
      const transient = { display_id: `view-${++opened}` };
      const update = (next: View) => send("update_display_data", next, transient);
      await send("display_data", view, transient);
      return { update, close: update };
    },
  };
}

/**
 * A screen for code outside of notebooks that gives each view's `text/plain` to a function, such as
 * `console.log`; of a view that changes, the last state only.
 *
 * @example
 * ```ts
 * import { plainView, show, textScreen } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const said: string[] = [];
 * await show(plainView("a mask"), textScreen((text) => said.push(text)));
 * assert.deepEqual(said, ["a mask"]);
 * ```
 */
export function textScreen(write: (text: string) => void): Screen {
  const show = ({ data }: View) => Promise.resolve(write(data["text/plain"]));
  return {
    show,
    open: () => Promise.resolve({ update: () => Promise.resolve(), close: show }),
  };
}

/**
 * The terminal: views as text on standard output; one that changes, on standard error, in a line that is
 * written over where that is a terminal, and once, in the end, where it is not.
 *
 * @example
 * ```ts
 * import { plainView, terminalScreen } from "@bitdelta/workspace";
 *
 * await terminalScreen().show(plainView("on standard output"));
 * ```
 */
export function terminalScreen(): Screen {
  const write = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    for (let from = 0; from < bytes.length;) from += Deno.stderr.writeSync(bytes.subarray(from));
  };
  const state = ({ data }: View, end = "") => {
    const line = data["text/plain"];
    // A line that is wider than the terminal could not be written over.
    if (Deno.stderr.isTerminal()) write(BACK + line.slice(0, Deno.consoleSize().columns - 1) + end);
    else if (end) write(line + end);
    return Promise.resolve();
  };
  return {
    show: textScreen(console.log).show,
    open: async (view) => {
      await state(view);
      return { update: (next) => state(next), close: (next) => state(next, "\n") };
    },
  };
}

/** The cell that runs, in Deno's Jupyter kernel; the terminal everywhere else. */
export function defaultScreen(): Screen {
  return isKernel() ? notebookScreen() : terminalScreen();
}

function kernelBroadcast(): typeof Deno.jupyter.broadcast {
  if (isKernel()) return Deno.jupyter.broadcast;
  throw new DisplayError({
    problem: "there is no notebook to show anything in",
    expected: "a cell in Deno's Jupyter kernel, or a screen: textScreen(console.log)",
  });
}
