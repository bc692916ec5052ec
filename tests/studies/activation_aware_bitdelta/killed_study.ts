/**
 * A small study as a process that can be killed: `killed_study.ts FOLDER [RENAME]`.
 *
 * Prints a line for each finished measurement. With RENAME it kills itself in place of that file's
 * move to its name: the last moment at which a measurement or delta is not there yet.
 */

import { runStudy } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { smallStudy } from "../../experiments/small_study.ts";

const [folder, fatalRename] = Deno.args;
const rename = Deno.rename;
let renames = 0;
Deno.rename = (from, to) => {
  if (++renames === Number(fatalRename)) Deno.kill(Deno.pid, "SIGKILL");
  return rename(from, to);
};
let finished = 0;
await runStudy({
  ...smallStudy(folder),
  onProgress: ({ done }) => {
    if (done > finished) console.log(finished = done);
  },
});
