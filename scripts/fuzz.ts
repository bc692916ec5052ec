/**
 * Mutated files of every kind that the program reads, in numbers that a test suite has no time for.
 * Ends with a table by kind, and with code 1 where an error is untyped, a reader hangs, memory grows
 * without bound, or a file that vouches for its content is read with other content.
 */

import { InputError, tableToMarkdown } from "../lib/mod.ts";
import { runCampaign } from "../tests/fuzz/campaign.ts";
import { outcomeTable } from "../tests/fuzz/outcome_table.ts";
import type { Trial } from "../tests/fuzz/target.ts";
import { runScript, script, SEED, wholeNumber } from "./command_line.ts";

const command = script(
  "fuzz",
  "Reads mutated files of every kind, and counts what becomes of them.",
)
  .option("--count <number>", "files in all", wholeNumber(1), 5000)
  .option("--seed <number>", "determines the files", SEED, 1)
  .option("--first <number>", "index of the first, to look at one again", wholeNumber(0), 0)
  .option("--limit <seconds>", "after which a reader counts as hung", wholeNumber(1), 2);

await runScript<{ count: number; seed: number; first: number; limit: number }>(
  command,
  async ({ limit, ...options }, watch) => {
    const result = await runCampaign({
      ...options,
      ...watch,
      targets: new URL("../tests/fuzz/targets.ts", import.meta.url),
      limit: limit * 1000,
      memory: 1e9,
      workers: navigator.hardwareConcurrency,
    });
    const table = tableToMarkdown(outcomeTable(result, options.seed)).trimEnd();
    if (result.faults.length === 0) return table;
    console.log(table);
    console.log(result.faults.slice(0, 20).map(line).join("\n"));
    throw new InputError({
      problem: "mutated files were met by faults of the program",
      value: result.faults.length,
      expected: "none; look at one again by --first INDEX --count 1",
    });
  },
  "nothing was written",
);

function line({ index, target, outcome, detail }: Trial): string {
  return `${index} | ${target} | ${outcome} | ${detail.split("\n")[0]}`;
}
