/** Tenants of one base in one batch on the CPU, each as its saved full checkpoint alone. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import { compress } from "../../../lib/methods/compress.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { ServingError } from "../../../lib/util/errors.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../../checkpoint/tiny_checkpoint.ts";
import { engine } from "../decoder_programs.ts";
import {
  checkDifferences,
  checkMethods,
  checkRowsAlone,
  differences,
  SIZES,
} from "./tenants_case.ts";

Deno.test("deltas of every method run in one batch, each as its checkpoint alone", () =>
  checkMethods(engine));

Deno.test("no row of a tenant depends on those beside it, to the bit", () =>
  checkRowsAlone(engine, ["initial", "gptq", "low-rank", "compeft"]));

for (const name of Object.keys(differences)) {
  Deno.test(`${name}: fine-tunes that differ in settings run in one batch`, () =>
    checkDifferences(engine, name));
}

const refused: Record<string, [Partial<DecoderConfig>, RegExp]> = {
  "another ε": [{ normEpsilon: 0.5 }, /'rms_norm_eps'.*got 0\.5; expected 0\.00001/],
  "another window": [{ slidingWindow: null }, /'sliding_window'.*got null; expected 4/],
};

for (const [name, [difference, message]] of Object.entries(refused)) {
  Deno.test(`${name} is refused: sequences of a batch share it`, async () => {
    const config: DecoderConfig = {
      ...TINY_CONFIG,
      architecture: "MistralForCausalLM",
      slidingWindow: 4,
    };
    await using folder = await temporaryFolder();
    const save = async (name: string, seed: number, config: DecoderConfig) => {
      const directory = join(folder.path, name);
      await saveTiny(directory, { config, seed });
      return await Checkpoint.open(directory);
    };
    using base = await save("base", 0, config);
    using fine = await save("fine", 1, { ...config, ...difference });
    const { delta } = await compress(engine, base, fine, { method: "initial" }, null);
    await using model = await TenantModel.open(engine, base, SIZES);
    await assert.rejects(model.load("other", delta), (error) => {
      assert.ok(error instanceof ServingError);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(model.tenants.size, 0);
  });
}
