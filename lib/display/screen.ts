/**
 * Where views are shown: below a notebook's cell, or as text wherever else a notebook's code runs.
 */

import { DisplayError } from "./display_error.ts";
import type { View } from "./view.ts";

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

/**
 * The cell that runs, in Deno's Jupyter kernel.
 *
 * @throws {DisplayError} outside of a kernel.
 */
export function notebookScreen(): Screen {
  const broadcast = kernelBroadcast();
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
 */
export function textScreen(write: (text: string) => void): Screen {
  const show = ({ data }: View) => Promise.resolve(write(data["text/plain"]));
  return {
    show,
    open: () => Promise.resolve({ update: () => Promise.resolve(), close: show }),
  };
}

function kernelBroadcast(): typeof Deno.jupyter.broadcast {
  try {
    return Deno.jupyter.broadcast;
  } catch (cause) {
    throw new DisplayError({
      problem: "there is no notebook to show anything in",
      expected: "a cell in Deno's Jupyter kernel, or a screen: textScreen(console.log)",
      cause,
    });
  }
}
