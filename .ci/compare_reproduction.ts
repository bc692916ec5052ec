/**
 * Holds a reproduction against the one that the README shows: every number of its tables on quality
 * must agree within two per cent, which leaves room for another processor's rounding and no more.
 */

const TABLES = ["table-1-perplexity.csv", "table-fidelity.csv"];
const TOLERANCE = 0.02;
/** Differences below this are rounding, whatever they are relative to. */
const SMALLEST = 0.05;

function numbers(line: string): number[] {
  return [...line.replaceAll("−", "-").matchAll(/-?\d+(\.\d+)?(e-?\d+)?/g)].map(([text]) =>
    Number(text)
  );
}

let compared = 0;
const differences: string[] = [];
for (const table of TABLES) {
  const [shown, made] = await Promise.all(
    ["data/reproduction", "results"].map(async (folder) =>
      (await Deno.readTextFile(`${folder}/${table}`)).trim().split("\n")
    ),
  );
  if (shown.length !== made.length) differences.push(`${table}: another number of rows`);
  shown.forEach((line, row) => {
    const ours = numbers(made[row] ?? "");
    const theirs = numbers(line);
    const alike = ours.length === theirs.length && theirs.every((value, index) => {
      compared++;
      return Math.abs(ours[index] - value) <= Math.max(SMALLEST, TOLERANCE * Math.abs(value));
    });
    if (!alike) differences.push(`${table}, row ${row}:\n  shown ${line}\n  made  ${made[row]}`);
  });
}
if (differences.length > 0) {
  console.error(differences.join("\n"));
  Deno.exit(1);
}
console.log(`${compared} numbers agree with data/reproduction`);
