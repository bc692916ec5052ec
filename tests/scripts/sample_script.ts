/** A script that ends in each of the ways that scripts end; `command_line_test.ts` runs it. */

import { InputError, OptionError } from "../../lib/util/errors.ts";
import { runScript, script, wholeNumber } from "../../scripts/command_line.ts";

const command = script("sample", "Ends as told.")
  .option("--count <number>", "a whole number", wholeNumber(2), 3)
  .option("--end <way>", "how to end", "well");

const fault = { file: "a.txt", option: "--end", value: 7, expected: "something else" };

await runScript<{ count: number; end: string }>(command, async ({ count, end }, watch) => {
  const { onProgress, signal } = watch;
  switch (end) {
    case "well":
      onProgress?.({ done: 1, total: 2, label: "half" });
      return `count ${count}`;
    case "input":
      throw new InputError({ problem: "is wrong", ...fault });
    case "option":
      throw new OptionError({ problem: "is wrong", ...fault });
    case "closed":
      // A permission that it does not have.
      await Deno.connect({ port: 9 });
      break;
    case "memory":
      new ArrayBuffer(2 ** 52);
      break;
    case "fault":
      throw new Error("of our own");
    case "stopped":
      await untilAborted(signal!);
      signal!.throwIfAborted();
      break;
    case "deaf":
      await untilAborted(signal!);
      console.error("goes on");
      await new Promise(() => {});
  }
}, "nothing is left");

/** Says that it waits, and stays alive while it does. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  setInterval(() => {}, 1000);
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  console.error("waits");
  await aborted;
}
