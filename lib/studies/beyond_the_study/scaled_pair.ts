/** A weaker fine-tune of a pair, `W_base + t·Δ` in every tensor, as a folder that is opened like any other. */

import { join } from "node:path";
import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { checkPair } from "../../checkpoint/pair.ts";
import { saveCheckpoint, saveOptions } from "../../checkpoint/save.ts";
import { tensorShape } from "../../checkpoint/weights.ts";
import type { Engine } from "../../graph/engine.ts";
import { input } from "../../graph/graph.ts";
import { add, scaleBy, subtract } from "../../graph/ops/elementwise.ts";
import { ProgramCache } from "../../graph/program_cache.ts";
import { sha256 } from "../../util/canonical.ts";
import { CheckpointError } from "../../util/errors.ts";
import { isThere } from "../../util/files.ts";
import type { Watch } from "../../util/progress.ts";
import type { PlannedPair } from "./plan.ts";

/**
 * The pair with its fine-tune as scaled, which is written once; one of share 1 as it is.
 *
 * @param folder of all scaled fine-tunes.
 * @throws {CheckpointError} if the two do not match, or a tensor of the fine-tune has another shape than its base's.
 * @throws {OutputError} if the folder cannot be written.
 */
export async function scaledPair(
  engine: Engine,
  pair: PlannedPair,
  folder: string,
  watch: Watch = {},
): Promise<PlannedPair> {
  if (pair.share === 1) return pair;
  using opened = new DisposableStack();
  const base = opened.use(await Checkpoint.open(pair.base, watch));
  const fine = opened.use(await Checkpoint.open(pair.fine, watch));
  checkPair(base, fine);
  const hashes = [await base.hash(), await fine.hash(), pair.share];
  const path = join(folder, sha256(hashes.join()).slice(0, 16));
  // The configuration is written last.
  if (!await isThere(join(path, "config.json"))) {
    await using programs = new ProgramCache(engine);
    await saveCheckpoint(path, {
      config: fine.config,
      name: `${pair.share} of the delta of ${fine.name}`,
      has: (tensor) => fine.has(tensor),
      readFloat32: (tensor) => scaled(programs, base, fine, tensor, pair.share),
    }, { ...await saveOptions(fine, base, "F32"), ...watch });
  }
  return { ...pair, fine: path };
}

async function scaled(
  programs: ProgramCache,
  base: Checkpoint,
  fine: Checkpoint,
  tensor: string,
  share: number,
): Promise<Float32Array> {
  const [from, to] = [base, fine].map(({ config }) => tensorShape(config, tensor));
  if (from.join() !== to.join()) {
    throw new CheckpointError({
      problem: "has another shape than its base's, so that no share of its delta can be taken",
      file: fine.directory,
      tensor,
      value: to,
      expected: `[${from}]`,
    });
  }
  const program = await programs.get(`${share} of ${to}`, () => {
    const [start, end] = [input("start", to), input("end", to)];
    return { scaled: add(start, scaleBy(subtract(end, start), share)) };
  });
  const [start, end] = [await base.readFloat32(tensor), await fine.readFloat32(tensor)];
  return (await program.run({ start, end })).scaled as Float32Array;
}
