/**
 * Memory and time of serving, by how it is done: a full model a tenant, full models that take turns in memory, one
 * base with deltas. One measurement is one decoding step for all tenants. Not here: what is drawn (`figures.ts`).
 */

import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { byteCount } from "../../checkpoint/tensor.ts";
import { tensorNames, type WeightSource } from "../../checkpoint/weights.ts";
import type { Delta } from "../../delta/delta.ts";
import type { Engine } from "../../graph/engine.ts";
import { TenantModel } from "../../model/serving/tenant_model.ts";
import { OptionError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { begin, medianOfSteps, type StepChoice, type Steps, stepsOf, tokensOf } from "./steps.ts";

/** Ways of serving several fine-tunes, in the order of legends. */
export const SERVING_WAYS = [
  "a full model each",
  "full models in turn",
  "base and deltas",
] as const;

/** One of {@linkcode SERVING_WAYS}. */
export type ServingWay = typeof SERVING_WAYS[number];

/** Time and memory of one way for so many tenants. */
export interface ServingRow {
  /** How they are served. */
  readonly way: ServingWay;
  /** Tenants, of which each makes one token in a step. */
  readonly tenants: number;
  /** Milliseconds until each tenant has one more token: the median of the steps. */
  readonly milliseconds: number;
  /** Bytes of weights where the engine computes, all that must lie there at once. */
  readonly bytes: number;
}

/** Time of a step of one tenant with several sequences. */
export interface BatchRow {
  /** Sequences. */
  readonly rows: number;
  /** Milliseconds until each has one more token: the median of the steps. */
  readonly milliseconds: number;
}

/** What is served, and how it is measured. */
export interface ServingChoice extends StepChoice {
  /** Runs the models. */
  readonly engine: Engine;
  /** The base's folder or name. */
  readonly base: string;
  /** Folder or name of a full fine-tune. */
  readonly fine: string;
  /** Opens a delta of such a fine-tune; called for each tenant, and disposed of. */
  readonly openDelta: () => Promise<Delta & Disposable>;
  /** Numbers of tenants, or of sequences. */
  readonly counts: readonly number[];
  /** Most full models that are held at once: what the machine's memory has room for. */
  readonly mostFull: number;
}

/**
 * Measures all ways, for as many tenants as each has memory for.
 *
 * Full models in turn: each is read from its file before its token and freed after it, as one does whose memory holds
 * one model. A way that was measured for one number of tenants is measured for the next larger one, until memory ends.
 *
 * @throws {OptionError} if a count is none.
 * @throws what opening and running the models throws; the signal's reason.
 *
 * @example
 * ```ts
 * import { compress, Checkpoint, measureServing, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine();
 * const [base, fine] = ["llama-base", "llama-code"].map((name) => projectPath(`data/checkpoints/${name}`));
 * using opened = new DisposableStack();
 * const [from, to] = await Promise.all([base, fine].map((path) => Checkpoint.open(path)));
 * [from, to].forEach((each) => opened.use(each));
 * const { delta } = await compress(engine, from, to, { method: "initial" }, null);
 * const openDelta = () => Promise.resolve(Object.assign(delta, { [Symbol.dispose]() {} }));
 * const choice = { engine, base, fine, openDelta, counts: [1, 2], mostFull: 1, steps: 2 };
 * const rows = await measureServing(choice);
 * const bytes = (tenants: number) =>
 *   rows.find((row) => row.way === "base and deltas" && row.tenants === tenants)!.bytes;
 * assert.ok(bytes(2) < 1.5 * bytes(1));
 * ```
 */
export async function measureServing(
  choice: ServingChoice,
  { onProgress, signal }: Watch = {},
): Promise<ServingRow[]> {
  const counts = checkCounts(choice.counts);
  const rows: ServingRow[] = [];
  const total = SERVING_WAYS.length * counts.length;
  const tell = (way: ServingWay, tenants: number) => {
    signal?.throwIfAborted();
    onProgress?.({ done: rows.length, total, label: `${way}, ${tenants} tenants` });
  };
  const full = counts.filter((count) => count <= choice.mostFull);
  for (const tenants of full) {
    tell("a full model each", tenants);
    rows.push(await fullModels(choice, tenants, signal));
  }
  for (const tenants of full) {
    tell("full models in turn", tenants);
    rows.push(await modelsInTurn(choice, tenants, signal));
  }
  await using served = await openServed(choice, counts.at(-1)!);
  for (const tenants of counts) {
    tell("base and deltas", tenants);
    rows.push(await baseAndDeltas(choice, served, tenants, signal));
  }
  onProgress?.({ done: total, total, label: "served" });
  return rows;
}

/**
 * Measures one tenant with several sequences.
 *
 * @throws as {@linkcode measureServing}.
 *
 * @example
 * ```ts
 * import { compress, Checkpoint, measureBatches, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine();
 * const [base, fine] = ["llama-base", "llama-code"].map((name) => projectPath(`data/checkpoints/${name}`));
 * using opened = new DisposableStack();
 * const [from, to] = await Promise.all([base, fine].map((path) => Checkpoint.open(path)));
 * [from, to].forEach((each) => opened.use(each));
 * const { delta } = await compress(engine, from, to, { method: "initial" }, null);
 * const openDelta = () => Promise.resolve(Object.assign(delta, { [Symbol.dispose]() {} }));
 * const choice = { engine, base, fine, openDelta, counts: [1, 4], mostFull: 1, steps: 2 };
 * const rows = await measureBatches(choice);
 * assert.deepEqual(rows.map(({ rows }) => rows), [1, 4]);
 * ```
 */
export async function measureBatches(
  choice: ServingChoice,
  { onProgress, signal }: Watch = {},
): Promise<BatchRow[]> {
  const counts = checkCounts(choice.counts);
  await using served = await openServed(choice, counts.at(-1)!);
  await loadTenants(choice, served.model, 1);
  const measured: BatchRow[] = [];
  for (const [done, rows] of counts.entries()) {
    onProgress?.({ done, total: counts.length, label: `${rows} sequences` });
    const names = Array.from({ length: rows }, () => tenantName(0));
    measured.push({ rows, milliseconds: await stepsOf(choice, served.model, names, signal) });
  }
  return measured;
}

/** A base that tenants are loaded on, and the bytes of its weights. */
interface Served extends AsyncDisposable {
  readonly model: TenantModel;
  readonly bytes: number;
}

async function openServed(choice: ServingChoice, rows: number): Promise<Served> {
  await using opened = new AsyncDisposableStack();
  const checkpoint = opened.use(await Checkpoint.open(choice.base));
  const longest = tokensOf(choice);
  const sizes = { longest, chunk: longest, mostRows: rows, cacheTokens: rows * 2 * longest };
  const model = opened.use(await TenantModel.open(choice.engine, checkpoint, sizes));
  const held = opened.move();
  const bytes = weightBytes(checkpoint);
  return { model, bytes, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function fullModels(
  choice: ServingChoice,
  tenants: number,
  signal?: AbortSignal,
): Promise<ServingRow> {
  await using opened = new AsyncDisposableStack();
  let bytes = 0;
  const started: Steps[] = [];
  for (let index = 0; index < tenants; index++) {
    const served = opened.use(await openServed({ ...choice, base: choice.fine }, 1));
    started.push(opened.use(await begin(choice, served.model, [null])));
    bytes += served.bytes;
  }
  const milliseconds = await medianOfSteps(choice, async () => {
    for (const steps of started) {
      signal?.throwIfAborted();
      await steps.step();
    }
  });
  return { way: "a full model each", tenants, milliseconds, bytes };
}

async function modelsInTurn(
  choice: ServingChoice,
  tenants: number,
  signal?: AbortSignal,
): Promise<ServingRow> {
  let bytes = 0;
  // Two rounds: after the first the machine has kept what it keeps of the file.
  const milliseconds = await medianOfSteps({ ...choice, steps: 2 }, async () => {
    for (let index = 0; index < tenants; index++) {
      signal?.throwIfAborted();
      await using served = await openServed({ ...choice, base: choice.fine }, 1);
      bytes = served.bytes;
      using steps = await begin(choice, served.model, [null]);
      await steps.step();
    }
  });
  return { way: "full models in turn", tenants, milliseconds, bytes };
}

async function baseAndDeltas(
  choice: ServingChoice,
  { model, bytes }: Served,
  tenants: number,
  signal?: AbortSignal,
): Promise<ServingRow> {
  await loadTenants(choice, model, tenants);
  const names = Array.from({ length: tenants }, (_, index) => tenantName(index));
  const milliseconds = await stepsOf(choice, model, names, signal);
  const ofTenants = model.tenants.values().reduce((sum, each) => sum + each, 0);
  return { way: "base and deltas", tenants, milliseconds, bytes: bytes + ofTenants };
}

const tenantName = (index: number) => `tenant ${index + 1}`;

/** Loads tenants until there are so many. */
async function loadTenants(
  { openDelta }: ServingChoice,
  model: TenantModel,
  tenants: number,
): Promise<void> {
  while (model.tenants.size < tenants) {
    using delta = await openDelta();
    await model.load(tenantName(model.tenants.size), delta);
  }
}

function weightBytes(model: WeightSource): number {
  return tensorNames(model.config).reduce(
    (sum, name) => sum + byteCount(model.stored!.info(name)),
    0,
  );
}

function checkCounts(counts: readonly number[]): readonly number[] {
  const wrong = counts.find((count, index) =>
    !Number.isInteger(count) || count < 1 || index > 0 && count <= counts[index - 1]
  );
  if (counts.length > 0 && wrong === undefined) return counts;
  throw new OptionError({
    problem: "cannot be measured",
    option: "counts",
    value: counts,
    expected: "whole numbers from 1 up, each larger than the one before",
  });
}
