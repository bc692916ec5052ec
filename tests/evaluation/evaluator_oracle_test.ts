/** Perplexities against those that the study's own code computed. */

import { compress } from "../../lib/methods/compress.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { engine, openPair, oracleSequences } from "../methods/oracle_pair.ts";
import { ORACLE_PAIRS, oraclePath } from "../oracle.ts";
import { ORACLE_TEXTS, OraclePerplexity } from "./oracle_perplexity.ts";

for (const name of ORACLE_PAIRS) {
  for (const text of ORACLE_TEXTS) {
    Deno.test(`perplexities of pair ${name} on ${text} are the oracle's`, async () => {
      using pair = await openPair(name, "f32");
      const { base, fine, initial } = pair;
      await using perplexity = await OraclePerplexity.open(name, text, base);
      await perplexity.assertSame(base, "base");
      await perplexity.assertSame(fine, "fine");
      await perplexity.assertSame(await applyDelta(base, initial), "untrained");
      const saved = await readDelta(oraclePath(name, "diff_orig_distilled.safetensors"));
      await perplexity.assertSame(await applyDelta(base, saved), "orig");
    });
  }

  Deno.test(`activation-aware perplexities of pair ${name} are the oracle's`, async () => {
    using pair = await openPair(name, "f32");
    const { base, fine } = pair;
    const sequences = await oracleSequences("calib");
    await using perplexity = await OraclePerplexity.open(name, "eval_64_32", base);
    for (const rows of [256, 512]) {
      const choice = {
        method: "activation-aware",
        variant: "study-faithful",
        settings: { rows },
      };
      const { delta } = await compress(engine, base, fine, choice, sequences);
      await perplexity.assertSame(await applyDelta(base, delta), `aa${rows}`);
    }
  });
}
