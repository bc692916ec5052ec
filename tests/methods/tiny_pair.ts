/** A pair of tiny checkpoints on disk, for tests of methods. */

import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import type { FloatType } from "../../lib/checkpoint/tensor.ts";
import type { MemoryDelta } from "../../lib/delta/delta.ts";
import { extractDelta } from "./extract.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";

/** Replaces the values of a tensor. */
export type Change = (tensor: string, values: Float32Array) => void;

/** Both checkpoints, open, and their initial delta; closed and removed at the end of its scope. */
export interface TinyPair extends AsyncDisposable {
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  readonly initial: MemoryDelta;
}

/** Two sets of random float32 weights; `changes` are made to them before they are saved. */
export async function tinyPair(
  changes: { base?: Change; fine?: Change } = {},
  config: DecoderConfig = TINY_CONFIG,
  dtype: FloatType = "F32",
): Promise<TinyPair> {
  const folder = await temporaryFolder();
  const open = async (role: "base" | "fine", seed: number) => {
    const options = { config, seed, dtype, change: changes[role] };
    return await Checkpoint.open(await saveTiny(join(folder.path, role), options));
  };
  const [base, fine] = [await open("base", 1), await open("fine", 2)];
  const dispose = async () => {
    base.close();
    fine.close();
    await folder[Symbol.asyncDispose]();
  };
  return { base, fine, initial: await extractDelta(base, fine), [Symbol.asyncDispose]: dispose };
}
