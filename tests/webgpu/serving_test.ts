/**
 * Fine-tunes of the embedded pairs served from one base on a GPU: the greedy tokens of each one's saved checkpoint run
 * alone on the CPU, prompts and answers longer than a chunk and than a window, and the same bits beside any others.
 */

import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import { compress } from "../../lib/methods/compress.ts";
import { initial } from "../../lib/methods/initial.ts";
import { TenantModel } from "../../lib/model/serving/tenant_model.ts";
import { projectPath } from "../../lib/util/project.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { engine as onCpu } from "../model/decoder_programs.ts";
import { continueTogether, SavedModels } from "../model/serving/mixed_batch.ts";
import { gpuTest } from "./gpu.ts";

const open = (name: string) => Checkpoint.open(projectPath(`data/checkpoints/${name}`));

for (const kind of ["llama", "mistral"]) {
  gpuTest(
    `tenants of ${kind}-base give the tokens of their checkpoints, alone and together`,
    async (gpu) => {
      await using folder = await temporaryFolder();
      await using saved = new SavedModels(folder.path);
      using base = await open(`${kind}-base`);
      const sizes = { longest: 100, chunk: 16, mostRows: 8 };
      await using model = await TenantModel.open(gpu, base, sizes);
      const deltas = new Map<string, Delta>();
      for (const name of [`${kind}-assistant`, `${kind}-code`]) {
        using fine = await open(name);
        deltas.set(name, (await compress(onCpu, base, fine, { method: initial.name }, null)).delta);
        await model.load(name, deltas.get(name)!);
      }
      const tenants = [null, ...deltas.keys(), `${kind}-code`];
      const prompts = [21, 3, 40].map((length, of) =>
        Array.from({ length }, (_, at) => (at * 37 + of * 11 + 5) % base.config.vocabularySize)
      );
      const together = await continueTogether(model, tenants, prompts, 24);
      for (const [at, tenant] of tenants.entries()) {
        const delta = tenant === null ? null : deltas.get(tenant)!;
        await saved.check(base, delta, together[at], `${tenant} ${at}`);
        const [alone] = await continueTogether(model, [tenant], [prompts[at % 3]], 24);
        assert.deepEqual(alone, together[at], `${tenant} alone`);
      }
    },
  );
}
