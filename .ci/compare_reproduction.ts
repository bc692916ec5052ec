/**
 * Holds a reproduction against the one that the README shows: every number of its tables on quality
 * must agree within two per cent, which leaves room for another processor's rounding and no more; and
 * both must be as a run wrote them.
 */

import { checkChecksums } from "../lib/studies/checksums.ts";
import { compareLines, report } from "./compare_numbers.ts";

for (const folder of ["data/reproduction", "results"]) await checkChecksums(folder);
const comparison = { compared: 0, differences: [] };
for (const table of ["table-1-perplexity.csv", "table-fidelity.csv"]) {
  const [shown, made] = await Promise.all(
    ["data/reproduction", "results"].map((folder) => Deno.readTextFile(`${folder}/${table}`)),
  );
  compareLines(table, shown, made, comparison);
}
report(comparison, "data/reproduction");
