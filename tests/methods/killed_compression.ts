/**
 * A compression as a process that kills itself: `killed_compression.ts BASE FINE OUT LAYERS`, once so many linear
 * layers are done.
 */

import { Pair } from "../../lib/experiments/pair.ts";

const [base, fine, out, layers] = Deno.args;
await using pair = await Pair.open(base, fine);
using _delta = (await pair.compressToFile(out, { method: "initial" }, null, {
  state: `${out}.journal`,
  onProgress: ({ done }) => done === Number(layers) && Deno.kill(Deno.pid, "SIGKILL"),
})).delta;
