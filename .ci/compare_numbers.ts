/** Lines of text whose numbers must agree but for another processor's rounding. */

const TOLERANCE = 0.02;
/** Differences below this are rounding, whatever they are relative to. */
const SMALLEST = 0.05;

/** Numbers that were compared, and the lines that differ, both ways of them. */
export interface Comparison {
  compared: number;
  readonly differences: string[];
}

/** Compares the lines of two texts, number by number, within two per cent. */
export function compareLines(name: string, shown: string, made: string, into: Comparison): void {
  const [ours, theirs] = [made, shown].map((text) => text.trim().split("\n"));
  if (ours.length !== theirs.length) into.differences.push(`${name}: another number of lines`);
  theirs.forEach((line, row) => {
    const [before, now] = [numbers(line), numbers(ours[row] ?? "")];
    into.compared += before.length;
    const alike = before.length === now.length && before.every((value, index) => {
      return Math.abs(now[index] - value) <= Math.max(SMALLEST, TOLERANCE * Math.abs(value));
    });
    if (alike) return;
    into.differences.push(`${name}, line ${row + 1}:\n  shown ${line}\n  made  ${ours[row]}`);
  });
}

/** Ends the process with the differences, or says how much agrees. */
export function report({ compared, differences }: Comparison, what: string): void {
  if (differences.length > 0 || compared === 0) {
    console.error(differences.join("\n") || `nothing to compare with ${what}`);
    Deno.exit(1);
  }
  console.log(`${compared} numbers agree with ${what}`);
}

function numbers(line: string): number[] {
  return [...line.replaceAll("−", "-").matchAll(/-?\d+(\.\d+)?(e-?\d+)?/g)].map(([text]) =>
    Number(text)
  );
}
