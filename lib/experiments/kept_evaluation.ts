/** An evaluation of checkpoints and a delta that goes on where it was stopped: what its state is known by. */

import project from "../../deno.json" with { type: "json" };
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { filesKey } from "../checkpoint/files_key.ts";
import type { DeltaFile } from "../delta/delta_file.ts";
import { keepScores, type KeptScores } from "../evaluation/kept_scores.ts";
import type { Engine } from "../graph/engine.ts";
import { projectCode } from "./code_identity.ts";
import { evaluationCode } from "./evaluation.ts";

/** What is scored. */
export interface EvaluatedModels {
  /** The base, or the only model. */
  readonly base: Checkpoint;
  /** The fine-tune; `null` if there is none. */
  readonly fine: Checkpoint | null;
  /** What is applied to the base; `null` for nothing. */
  readonly delta: Pick<DeltaFile, "digest" | "layers"> | null;
}

/**
 * {@linkcode keepScores} of models from files: of other files, another delta, engine or code nothing is taken up.
 *
 * @param path of the state, a journal.
 * @throws as {@linkcode keepScores}.
 *
 * @example
 * ```ts
 * import { keepEvaluation, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const state = await Deno.makeTempFile();
 * const { engine, base, fine } = pair;
 * await using kept = await keepEvaluation(state, engine, { base, fine, delta: null });
 * assert.equal(kept.anew, null);
 * await kept.remove();
 * ```
 */
export async function keepEvaluation(
  path: string,
  engine: Engine,
  { base, fine, delta }: EvaluatedModels,
): Promise<KeptScores> {
  const terms = [...delta?.layers.values() ?? []].flatMap((layer) => layer.terms);
  const codecs = [...new Set(terms.map(({ codec }) => codec))];
  return await keepScores(path, {
    journal: 1,
    version: project.version,
    code: await projectCode.identity(evaluationCode(codecs)),
    engine: engine.identity,
    base: filesKey(base),
    "fine-tune": fine && filesKey(fine),
    // A file that is not known by a digest is never the same again.
    delta: delta && (delta.digest ?? crypto.randomUUID()),
  });
}
