/** Reads mutated files one at a time, in a thread of its own, which the campaign may end. */

import { join } from "node:path";
import { InputError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { mutated } from "./mutations.ts";
import { type Outcome, type Target, type Trial, UNSEALED } from "./target.ts";

/** What the worker is told first. */
export interface Assignment {
  /** Module that exports `targets`. */
  readonly targets: string;
  readonly seed: number;
  /** Empty folder of its own. */
  readonly folder: string;
}

interface Prepared {
  readonly target: Target;
  readonly folder: string;
  readonly sound: Uint8Array;
  readonly content: string;
}

declare const self: Worker;
const prepared: Prepared[] = [];
let seed = 0;

self.onmessage = async ({ data }: MessageEvent<Assignment | number>) => {
  if (typeof data === "number") return self.postMessage(await trial(data));
  seed = data.seed;
  const { targets }: { targets: readonly Target[] } = await import(data.targets);
  for (const [at, target] of targets.entries()) {
    const folder = join(data.folder, String(at));
    await Deno.mkdir(folder, { recursive: true });
    await target.make(folder);
    const sound = await Deno.readFile(join(folder, target.file));
    prepared.push({ target, folder, sound, content: await target.read(folder) });
  }
  self.postMessage(targets.map(({ name }) => name));
};

async function trial(index: number): Promise<Trial> {
  const { target, folder, sound, content } = prepared[index % prepared.length];
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) + index);
  await Deno.writeFile(join(folder, target.file), mutated(sound, target.format, random));
  const started = performance.now();
  let outcome: Outcome, detail = "";
  try {
    const read = await target.read(folder);
    const isBelieved = target.sealed && !read.startsWith(UNSEALED);
    outcome = read === content ? "same" : isBelieved ? "accepted" : "other";
    if (outcome === "accepted") detail = firstDifference(content, read);
  } catch (error) {
    const isClear = error instanceof InputError && !error.message.includes("\n");
    outcome = isClear ? "refused" : "untyped";
    detail = isClear ? error.message : String((error as Error)?.stack ?? error).slice(0, 2000);
  }
  const milliseconds = performance.now() - started;
  const { rss: memory } = Deno.memoryUsage();
  return { target: target.name, index, outcome, detail, milliseconds, memory };
}

function firstDifference(expected: string, actual: string): string {
  let at = 0;
  while (expected[at] === actual[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 40), at + 40);
  return `'${around(expected)}' became '${around(actual)}'`;
}
