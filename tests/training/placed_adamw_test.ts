import { engine } from "../methods/oracle_pair.ts";
import { checkPlacedAdamW } from "./placed_adamw_case.ts";
import { SETTINGS } from "./plain_adamw.ts";

for (const settings of SETTINGS) {
  Deno.test(`AdamW on an engine is the paper's algorithm: ${JSON.stringify(settings)}`, async () => {
    await checkPlacedAdamW(engine, settings);
  });
}
