/**
 * Mutated files of every kind that the program reads, in numbers that a test suite has no time for.
 * Ends with a table by kind, and with code 1 where an error is untyped, a reader hangs, memory grows
 * without bound, or a file that vouches for its content is read with other content.
 *
 * With `--requests`, instead requests of an embedded model's tenants that come and go together: with code 1 where an
 * answer differs from that of its request alone, something is left of one, or memory grows.
 */

import { formatBytes, InputError, tableToMarkdown, type Watch } from "../lib/mod.ts";
import { runCampaign } from "../tests/fuzz/campaign.ts";
import { outcomeTable } from "../tests/fuzz/outcome_table.ts";
import type { Trial } from "../tests/fuzz/target.ts";
import { embeddedSoak } from "../tests/server/embedded_soak.ts";
import { runScript, script, SEED, wholeNumber } from "./command_line.ts";

const command = script(
  "fuzz",
  "Reads mutated files of every kind, and counts what becomes of them.",
)
  .option("--count <number>", "files in all", wholeNumber(1), 5000)
  .option("--seed <number>", "determines the files", SEED, 1)
  .option("--first <number>", "index of the first, to look at one again", wholeNumber(0), 0)
  .option("--limit <seconds>", "after which a reader counts as hung", wholeNumber(1), 2)
  .option(
    "--requests <number>",
    "requests of tenants that run together, in files' place",
    wholeNumber(1),
  );

/** Bytes by which the lowest of memory may rise over the last half of requests: what is collected late is no leak. */
const FLAT = 50e6;

interface Options {
  count: number;
  seed: number;
  first: number;
  limit: number;
  requests?: number;
}

await runScript<Options>(
  command,
  async ({ limit, requests, ...options }, watch) => {
    if (requests !== undefined) return await answered(requests, options.seed, watch);
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

async function answered(requests: number, seed: number, watch: Watch): Promise<string> {
  const lengths = { longestPrompt: 160, longestAnswer: 40 };
  const { memory, ...report } = await embeddedSoak({ ...lengths, requests, seed, ...watch });
  const last = memory.slice(memory.length >> 1);
  const [third, fourth] = [last.slice(0, last.length >> 1), last.slice(last.length >> 1)];
  const growth = Math.max(0, Math.min(...fourth) - Math.min(...third));
  const counts = Object.entries(report).map(([name, count]) => `${name}: ${count}`);
  const ends = [Math.min(...last), Math.max(...last)].map(formatBytes).join(" to ");
  const line = [
    ...counts,
    `memory over the last half: ${ends}, its lowest up by ${formatBytes(growth)}`,
  ]
    .join("; ");
  if (growth <= FLAT) return line;
  console.log(line);
  const expected = `${formatBytes(FLAT)} at most`;
  throw new InputError({
    problem: "the lowest of memory rose over the last half",
    value: formatBytes(growth),
    expected,
  });
}

function line({ index, target, outcome, detail }: Trial): string {
  return `${index} | ${target} | ${outcome} | ${detail.split("\n")[0]}`;
}
