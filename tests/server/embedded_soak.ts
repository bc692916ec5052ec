/** Requests of the embedded Llama and its fine-tunes' deltas, one of which more than there is room for. */

import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { TenantModel } from "../../lib/model/serving/tenant_model.ts";
import type { TenantSource } from "../../lib/server/tenant_directory.ts";
import { projectPath } from "../../lib/util/project.ts";
import { extractDelta } from "../methods/extract.ts";
import { soak, type SoakOptions, type SoakReport } from "./soak.ts";

/** How much is tried. */
export type EmbeddedSoak =
  & Omit<SoakOptions, "host" | "sources" | "mostTenants" | "decoder">
  & { readonly threads?: number };

export async function embeddedSoak(options: EmbeddedSoak): Promise<SoakReport> {
  using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  const sources = new Map<string, TenantSource>();
  for (const name of ["assistant", "code"]) {
    using fine = await Checkpoint.open(projectPath(`data/checkpoints/llama-${name}`));
    const delta = Object.assign(await extractDelta(base, fine), { [Symbol.dispose]() {} });
    sources.set(name, { open: () => Promise.resolve(delta) });
  }
  const longest = options.longestPrompt + options.longestAnswer;
  // Room for a few of the longest: others have to give way.
  const sizes = { longest, chunk: 16, mostRows: 4, cacheTokens: 6 * longest };
  const engine = onnxEngine({ threads: options.threads });
  await using host = await TenantModel.open(engine, base, sizes);
  const { decoder } = await base.tokenizer();
  return await soak({ ...options, host, sources, decoder, mostTenants: 1 });
}
