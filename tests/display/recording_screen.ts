import type { Screen } from "../../lib/display/screen.ts";
import type { View } from "../../lib/display/view.ts";

/** A screen that remembers what was shown; of a view that changes, every state in order. */
export function recordingScreen(): Screen & { shown: View[]; opened: View[][] } {
  const shown: View[] = [];
  const opened: View[][] = [];
  return {
    shown,
    opened,
    show: (view) => Promise.resolve(void shown.push(view)),
    open: (view) => {
      const states = [view];
      opened.push(states);
      const update = (next: View) => Promise.resolve(void states.push(next));
      return Promise.resolve({ update, close: update });
    },
  };
}
