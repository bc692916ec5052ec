/** Checks the types and the style of the code in notebooks, which a kernel runs unchecked. */

import { checkNotebooks, NotebookError } from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { ownNotebooks } from "./notebook_files.ts";

const command = script("check", "Checks the types and the style of notebooks' cells.")
  .argument("[notebooks...]", "notebook files; default: all of notebooks/");

await runScript(command, async () => {
  const files = command.args.length > 0 ? command.args : await ownNotebooks();
  const problems = await checkNotebooks(files);
  if (problems.length > 0) {
    throw new NotebookError({
      problem: "cells do not pass the check",
      expected: "cells that `deno check` and `deno lint` pass",
    }, problems);
  }
  return `${files.length} notebooks checked`;
}, "nothing was changed");
