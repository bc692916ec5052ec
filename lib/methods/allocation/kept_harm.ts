/**
 * What was measured of layers, on disk as it is found: a run that is stopped or killed goes on, and another budget
 * for the same pair and text measures nothing again.
 */

import * as v from "valibot";
import project from "../../../deno.json" with { type: "json" };
import { digestOf } from "../../checkpoint/blake3.ts";
import { filesKey } from "../../checkpoint/files_key.ts";
import { InputError } from "../../util/errors.ts";
import { Journal, type RunKey } from "../../util/journal.ts";
import type { LayerHarm, Measuring } from "./measure.ts";

const measure = v.pipe(v.number(), v.finite());
const harmSchema = v.strictObject({ layer: v.string(), kl: measure, errors: v.array(measure) });

/** A line of a journal: a digest, and a record. */
const lineSchema = v.pipe(
  v.string(),
  v.transform((line) => line.slice(line.indexOf(" ") + 1)),
  v.parseJson(),
  harmSchema,
);

/** What is known of the layers, and may be in a file. Dispose of it to let go of that. */
export class KeptHarm implements AsyncDisposable {
  readonly #harms = new Map<string, LayerHarm>();
  readonly #journal: Journal | null;

  private constructor(journal: Journal | null, forms: number) {
    this.#journal = journal;
    for (const record of journal?.records ?? []) {
      const { success, output } = v.safeParse(harmSchema, record);
      if (success && output.errors.length === forms) this.#harms.set(output.layer, output);
    }
  }

  /**
   * Opens a file, and takes up what is there of the same pair, forms and text.
   *
   * @param state the file; `null`: nothing is kept.
   * @throws {OutputError} if another process has it, or it cannot be written.
   */
  static async open(state: string | null, measuring: Measuring, code: string): Promise<KeptHarm> {
    const journal = state === null ? null : await Journal.open(state, harmKey(measuring, code));
    return new KeptHarm(journal, measuring.forms.length);
  }

  /** By layer. */
  get harms(): ReadonlyMap<string, LayerHarm> {
    return this.#harms;
  }

  /** Keeps what was measured of a layer. */
  async keep(harm: LayerHarm): Promise<void> {
    await this.#journal?.append({ ...harm });
    this.#harms.set(harm.layer, harm);
  }

  /** Lets go of the file, which stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal?.[Symbol.asyncDispose]();
  }
}

/**
 * Where a method that spends a budget keeps what it measured, beside the delta: another budget goes on from it.
 *
 * @example
 * ```ts
 * import { sensitivityFile } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(sensitivityFile("a.delta.safetensors"), "a.delta.safetensors.sensitivity");
 * ```
 */
export function sensitivityFile(path: string): string {
  return `${path}.sensitivity`;
}

/**
 * What a file of sensitivity says, layer by layer in the order in which they were measured. Whether it is of this pair
 * or that only a run can tell.
 *
 * @throws {InputError} if the file cannot be read, or says nothing of any layer.
 *
 * @example
 * ```ts
 * import { InputError, readSensitivity } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(readSensitivity("no.delta.sensitivity"), InputError);
 * ```
 */
export async function readSensitivity(file: string): Promise<LayerHarm[]> {
  const text = await Deno.readTextFile(file).catch((error: Error) => {
    const expected = "a file of sensitivity";
    throw new InputError({ problem: "cannot be read", file, value: error.name, expected });
  });
  const harms = text.split("\n").flatMap((line) => {
    const { success, output } = v.safeParse(lineSchema, line);
    return success ? [output] : [];
  });
  if (harms.length > 0) return harms;
  throw new InputError({
    problem: "says nothing of any layer",
    file,
    expected: "what is kept beside a delta whose method spends a budget",
  });
}

function harmKey(
  { engine, base, fine, forms, sequences, rows, slice }: Measuring,
  code: string,
): RunKey {
  const { length, tokens, attentionMask } = sequences;
  return {
    journal: 1,
    version: project.version,
    code,
    engine: engine.identity,
    forms: forms.map(({ method, settings }) => ({ method: method.name, settings })),
    rows: { ...rows },
    slice,
    "calibration text": digestOf(JSON.stringify([length, [...tokens], [...attentionMask]])),
    base: filesKey(base),
    "fine-tune": filesKey(fine),
  };
}
