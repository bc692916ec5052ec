import { checkPlacedAdamW } from "../training/placed_adamw_case.ts";
import { SETTINGS } from "../training/plain_adamw.ts";
import { gpuTest } from "./gpu.ts";

for (const settings of SETTINGS) {
  gpuTest(`AdamW on a GPU is the paper's algorithm: ${JSON.stringify(settings)}`, async (gpu) => {
    await checkPlacedAdamW(gpu, settings);
  });
}
