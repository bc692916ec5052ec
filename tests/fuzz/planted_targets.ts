/** Readers with one fault each, which a campaign must find, and one without. */

import { join } from "node:path";
import { OptionError } from "../../lib/util/errors.ts";
import type { Target } from "./target.ts";

const sound = "[1,2,3]";

function planted(
  name: string,
  read: (text: string) => string | Promise<string>,
  sealed = false,
): Target {
  return {
    name,
    file: `${name}.json`,
    format: "json",
    sealed,
    make: (folder) => Deno.writeTextFile(join(folder, `${name}.json`), sound),
    read: async (folder) => {
      const text = await Deno.readTextFile(join(folder, `${name}.json`));
      return text === sound ? sound : await read(text);
    },
  };
}

export const targets: readonly Target[] = [
  planted("careful", (text) => {
    throw new OptionError({ problem: "is not sound", value: text, expected: sound });
  }),
  planted("careless", (text) => text),
  planted("deceived", (text) => text, true),
  planted("throwing", () => {
    throw new TypeError("undefined is not a function");
  }),
  planted("wordy", (text) => {
    throw new Error(new OptionError({ problem: "a", value: text, expected: "b" }).message);
  }),
  // Longer than any limit of these tests, and no longer: Deno ends no thread that does not come back,
  // and one that span would take the processor from all tests after these.
  planted("endless", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000)),
];
