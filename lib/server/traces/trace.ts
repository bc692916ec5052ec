/**
 * Traces: which requests come when, as files. Not here: where they come from (`generate_trace.ts`), and what becomes
 * of them (`replay.ts`).
 */

import { Buffer } from "node:buffer";
import * as v from "valibot";
import { rowsToCsv } from "../../tables/csv.ts";
import { InputError } from "../../util/errors.ts";
import { writeFileAtomic } from "../../util/files.ts";
import { firstIssue } from "../../util/json_file.ts";
import { readTextAs } from "../../util/read_file.ts";

/** A trace that is malformed. */
export class TraceError extends InputError {}

/** One request of a trace. */
export interface TraceRequest {
  /** Its own name. */
  readonly id: string;
  /** Seconds after the trace's beginning. */
  readonly arrival: number;
  /** Whose. */
  readonly tenant: string;
  /** Tokens of its prompt. */
  readonly promptTokens: number;
  /** Tokens of its answer. */
  readonly outputTokens: number;
}

const EXPECTED = "a trace: a request a line with id, arrival, tenant, prompt_tokens, output_tokens";
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1, "a whole number above 0"));
const schema = v.strictObject({
  id: v.pipe(v.string(), v.nonEmpty("a name")),
  arrival: v.pipe(v.number(), v.finite(), v.minValue(0, "seconds, 0 or more")),
  tenant: v.pipe(v.string(), v.nonEmpty("a name")),
  prompt_tokens: count,
  output_tokens: count,
});
const NUMBERS = ["arrival", "prompt_tokens", "output_tokens"];

/**
 * Reads a trace of JSON lines (`.jsonl`) or CSV (`.csv`).
 *
 * @returns requests in the order in which they come.
 * @throws {TraceError} naming the line and the field at fault, or if two requests have one id.
 *
 * @example
 * ```ts
 * import { readTrace, writeTrace } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const request = { id: "1", arrival: 0.5, tenant: "a", promptTokens: 100, outputTokens: 20 };
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await writeTrace(path, [request]);
 * assert.deepEqual(await readTrace(path), [request]);
 * await Deno.remove(path);
 * ```
 */
export async function readTrace(path: string): Promise<TraceRequest[]> {
  const text = await readTextAs(path, TraceError, EXPECTED);
  const rows = path.endsWith(".csv") ? await csvRows(text, path) : jsonRows(text, path);
  const ids = new Set<string>();
  const requests = rows.map(({ line, row }) => {
    const parsed = v.safeParse(schema, row);
    if (!parsed.success) {
      const { option, ...fault } = firstIssue(parsed.issues);
      throw new TraceError({
        ...{ problem: `line ${line} is no request`, file: path, option },
        ...fault,
      });
    }
    const { prompt_tokens: promptTokens, output_tokens: outputTokens, ...rest } = parsed.output;
    if (ids.has(rest.id)) {
      const expected = "an id that no request before it has";
      throw new TraceError({
        problem: `line ${line}`,
        file: path,
        option: "id",
        value: rest.id,
        expected,
      });
    }
    ids.add(rest.id);
    return { ...rest, promptTokens, outputTokens };
  });
  return requests.sort((one, other) => one.arrival - other.arrival);
}

/**
 * Writes a trace as JSON lines, or as CSV to a path that ends so.
 *
 * @throws {OutputError} if it cannot be written; what was there stays then.
 *
 * @example
 * ```ts
 * import { generateTrace, writeTrace } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await writeTrace(path, generateTrace({ requests: 2 }));
 * const [line] = (await Deno.readTextFile(path)).split("\n");
 * assert.deepEqual(Object.keys(JSON.parse(line)).slice(0, 3), ["id", "arrival", "tenant"]);
 * await Deno.remove(path);
 * ```
 */
export async function writeTrace(path: string, trace: readonly TraceRequest[]): Promise<void> {
  const rows = trace.map(({ id, arrival, tenant, promptTokens, outputTokens }) => ({
    ...{ id, arrival, tenant, prompt_tokens: promptTokens, output_tokens: outputTokens },
  }));
  const text = path.endsWith(".csv")
    ? await rowsToCsv(rows)
    : rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  await writeFileAtomic(path, text);
}

interface Row {
  readonly line: number;
  readonly row: unknown;
}

function jsonRows(text: string, file: string): Row[] {
  return text.split("\n").flatMap((json, index) => {
    if (json.trim() === "") return [];
    try {
      return [{ line: index + 1, row: JSON.parse(json) }];
    } catch (cause) {
      const value = (cause as Error).message;
      const problem = `line ${index + 1} is no JSON`;
      throw new TraceError({ problem, file, value, expected: EXPECTED, cause });
    }
  });
}

async function csvRows(text: string, file: string): Promise<Row[]> {
  const { default: polars } = await import("nodejs-polars");
  try {
    // Of no column the type is guessed: an id may be "007".
    const options = { inferSchemaLength: 0, truncateRaggedLines: false };
    const frame = polars.readCSV(Buffer.from(text), options);
    return (frame.toRecords() as Record<string, string | null>[]).map((record, index) => ({
      line: index + 2,
      row: Object.fromEntries(
        Object.entries(record).map(([name, cell]) => [
          name,
          NUMBERS.includes(name) && cell !== null && cell.trim() !== ""
            ? Number(cell)
            : cell ?? undefined,
        ]),
      ),
    }));
  } catch (cause) {
    const value = (cause as Error).message;
    throw new TraceError({ problem: "is no table", file, value, expected: EXPECTED, cause });
  }
}
