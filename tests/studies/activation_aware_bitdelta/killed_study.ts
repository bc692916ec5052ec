/**
 * A small study as a process that can be killed: `killed_study.ts FOLDER [RENAME]`.
 *
 * Prints a line for each finished measurement, and one with the name of each file that it keeps. With
 * RENAME it kills itself in place of that file's
 * move to its name: the last moment at which a measurement or delta is not there yet.
 */

import { basename } from "node:path";
import { runStudy } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { smallStudy } from "../../experiments/small_study.ts";

const [folder, fatalRename] = Deno.args;
const rename = Deno.rename;
let renames = 0;
Deno.rename = async (from, to) => {
  if (++renames === Number(fatalRename)) Deno.kill(Deno.pid, "SIGKILL");
  await rename(from, to);
  console.log(`keeps ${basename(String(to))}`);
};
let finished = 0;
await runStudy({
  ...smallStudy(folder),
  onProgress: ({ done }) => {
    if (done > finished) console.log(finished = done);
  },
});
