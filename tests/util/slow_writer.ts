/**
 * A writer on a disk that stops: `slow_writer.ts FOLDER CALL kill|wait`.
 *
 * Writes `one.txt` and `two.safetensors`. At its CALLth call of the file system it ends itself by
 * SIGKILL, or says so and waits until its stdin ends.
 */

import { join } from "node:path";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { writeFileAtomic } from "../../lib/util/files.ts";

const [folder, fatalCall, what] = Deno.args;

let calls = 0;
async function slow<T>(call: () => Promise<T>): Promise<T> {
  if (++calls === Number(fatalCall)) {
    if (what === "kill") Deno.kill(Deno.pid, "SIGKILL");
    console.log("waits");
    await Deno.stdin.read(new Uint8Array(1));
  }
  return await call();
}

const { open, rename } = Deno;
const { write, sync, lock } = Deno.FsFile.prototype;
Deno.open = (...given) => slow(() => open(...given));
Deno.rename = (...given) => slow(() => rename(...given));
Deno.FsFile.prototype.lock = function (...given) {
  return slow(() => lock.apply(this, given));
};
Deno.FsFile.prototype.write = function (bytes) {
  // In two halves, so that there is a moment with half of the bytes.
  return slow(() => write.call(this, bytes.subarray(0, Math.ceil(bytes.length / 2))));
};
Deno.FsFile.prototype.sync = function () {
  return slow(() => sync.call(this));
};

await writeFileAtomic(join(folder, "one.txt"), "new one, of thirty-two characters");
const bytes = Uint8Array.of(1, 2, 3, 4);
const tensors = ["a", "b"].map((name) => ({ name, dtype: "U8" as const, shape: [4], bytes }));
await writeSafetensors(join(folder, "two.safetensors"), tensors, { made: "new" });
console.log(calls);
