/**
 * A base with a delta applied, as weights that an engine can run or `saveCheckpoint` can write.
 *
 * `W = W_base + Σ M`, or Σ M in the base's place, is formed tensor by tensor when read, in 32-bit floats.
 * Products straight from the parts of each M, which never form W, are the graph's (`model/linear.ts`).
 */

import { BLAKE3 } from "../checkpoint/blake3.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../checkpoint/config.ts";
import { type FormedTensor, formedValues } from "../checkpoint/formed_tensor.ts";
import { isFloatType, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import {
  isTable,
  linearLayerNames,
  type LinearShape,
  linearShape,
  storedTensor,
  tensorShape,
  type WeightSource,
  wholeTensorNames,
} from "../checkpoint/weights.ts";
import type { LayerForm } from "../codecs/codec.ts";
import { layerParts } from "../codecs/layer.ts";
import { DeltaError } from "../util/errors.ts";
import { appliedConfig } from "./applied_config.ts";
import type { Delta } from "./delta.ts";
import { readApplied, readRounded, withoutWeight } from "./read_applied.ts";

/** Version of the file format that states every layer's shape. */
const STATED_SINCE = 3;

/** A base with a delta, as dense weights and as its two parts. */
export interface AppliedModel extends WeightSource {
  /** The weights without the delta. */
  readonly base: WeightSource;
  /** What is added to them. */
  readonly delta: Delta;
  /** A tensor for an engine: as it is stored where the delta leaves it so, else to be formed there. */
  read(tensor: string): Promise<RawTensor | FormedTensor>;
}

/** Whether a model is known to be a base with a delta. */
export function isApplied(model: WeightSource): model is AppliedModel {
  return "base" in model && "delta" in model;
}

/**
 * The weights of `base` with `delta` applied, configured as the fine-tune is: its vocabulary, tied or not, and
 * its settings. Of the base it reads nothing yet, of the delta at most a head that its embedding is tied to.
 *
 * @param baseHash `Checkpoint.hash()` of the base, to be held against the delta's; `applyToCheckpoint`
 * finds it itself.
 * @returns weights that throw a {@linkcode DivergenceError} where a sum is beyond 32-bit floats.
 * @throws {DeltaError} if the delta was made for another base (by hash, where both are known), names it by
 * another kind of hash, or has not each tensor of its configuration in its shape, or has others.
 *
 * @example
 * ```ts
 * import { applyDelta, Checkpoint, compress, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using pair = new DisposableStack();
 * const base = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-base")));
 * const fine = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-code")));
 * const { delta } = await compress(onnxEngine(), base, fine, { method: "initial" }, null);
 * const model = await applyDelta(base, delta);
 * const tensor = "model.layers.0.mlp.up_proj.weight";
 * assert.notDeepEqual(await model.readFloat32(tensor), await base.readFloat32(tensor));
 * assert.deepEqual(await model.readFloat32("model.norm.weight"), await fine.readFloat32("model.norm.weight"));
 * ```
 */
export async function applyDelta(
  base: WeightSource,
  delta: Delta,
  { baseHash }: { baseHash?: string } = {},
): Promise<AppliedModel> {
  const madeFor = delta.metadata.baseHash;
  if (baseHash !== undefined && madeFor !== null && baseHash !== madeFor) {
    const [isOfKind, isNamedByIt] = [baseHash, madeFor].map((hash) => hash.startsWith(BLAKE3));
    if (isOfKind === isNamedByIt) throw otherBase(base, madeFor, baseHash);
    throw new DeltaError({
      problem: `names its base by another kind of hash than '${base.name}' is given by`,
      option: "base hash",
      value: baseHash,
      expected: `one as ${madeFor}, which the delta names; applyToCheckpoint knows all kinds`,
    });
  }
  const config = await appliedConfig(base.config, delta, base.name);
  checkNames(delta, config, base.name);
  checkShapes(delta, config, base);
  return {
    base,
    delta,
    config,
    name: `${base.name} + ${delta.metadata.method} delta`,
    has(tensor) {
      const stored = storedTensor(config, tensor);
      return delta.whole.has(stored) || delta.layers.has(stored) ||
        delta.layers.has(withoutWeight(tensor));
    },
    read: (tensor) => readApplied(base, delta, config, tensor),
    readRounded: (tensor, dtype, signal) => readRounded(base, delta, config, tensor, dtype, signal),
    async readFloat32(tensor) {
      const read = await readApplied(base, delta, config, tensor);
      return "form" in read ? await formedValues(read) : toFloat32(read);
    },
  };
}

/**
 * The weights of a checkpoint with `delta` applied, after checking that the delta names the checkpoint, if it
 * names one: this reads what of it was not read for its hash before.
 *
 * @throws {DeltaError} as `applyDelta`.
 *
 * @example
 * ```ts
 * import { applyToCheckpoint, Checkpoint, compress, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using pair = new DisposableStack();
 * const base = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-base")));
 * const fine = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-code")));
 * const { delta } = await compress(onnxEngine(), base, fine, { method: "initial" }, null);
 * assert.equal((await applyToCheckpoint(base, delta)).name, "llama-base + initial delta");
 * await assert.rejects(applyToCheckpoint(fine, delta), /was made for another base/);
 * ```
 */
export async function applyToCheckpoint(base: Checkpoint, delta: Delta): Promise<AppliedModel> {
  await checkMadeFor(delta, base);
  return await applyDelta(base, delta);
}

/**
 * Checks that a delta was made for this base, if it names one: this reads what of it was not read for its hash
 * before.
 *
 * @throws {DeltaError} if it names another.
 *
 * @example
 * ```ts
 * import { Checkpoint, checkMadeFor, compress, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using pair = new DisposableStack();
 * const base = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-base")));
 * const fine = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-code")));
 * const { delta } = await compress(onnxEngine(), base, fine, { method: "initial" }, null);
 * await checkMadeFor(delta, base);
 * await assert.rejects(checkMadeFor(delta, fine), /was made for another base/);
 * ```
 */
export async function checkMadeFor(delta: Delta, base: Checkpoint): Promise<void> {
  const { baseHash } = delta.metadata;
  if (baseHash === null || await base.isNamedBy(baseHash)) return;
  throw otherBase(base, baseHash, await base.hash());
}

/**
 * Checks that a delta was made from this fine-tune, if it names one: this reads what of it was
 * not read for its hash before.
 *
 * @throws {DeltaError} if it names another.
 *
 * @example
 * ```ts
 * import { Checkpoint, checkMadeFrom, compress, onnxEngine, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using pair = new DisposableStack();
 * const base = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-base")));
 * const fine = pair.use(await Checkpoint.open(projectPath("data/checkpoints/llama-code")));
 * const { delta } = await compress(onnxEngine(), base, fine, { method: "initial" }, null);
 * await checkMadeFrom(delta, fine);
 * await assert.rejects(checkMadeFrom(delta, base), /was made from another fine-tune/);
 * ```
 */
export async function checkMadeFrom(delta: Delta, fine: Checkpoint): Promise<void> {
  const { fineHash } = delta.metadata;
  if (fineHash === null || await fine.isNamedBy(fineHash)) return;
  throw new DeltaError({
    problem: `was made from another fine-tune than '${fine.name}'`,
    option: "fine hash",
    value: await fine.hash(),
    expected: `${fineHash}, which the delta names`,
  });
}

function otherBase({ name }: WeightSource, named: string, found: string): DeltaError {
  return new DeltaError({
    problem: `was made for another base than '${name}'`,
    option: "base hash",
    value: found,
    expected: `${named}, which the delta names`,
  });
}

/** A name that no reader asks for would be passed over, or obeyed by one and not by another. */
function checkNames(delta: Delta, config: DecoderConfig, baseName: string): void {
  const layers = new Set(linearLayerNames(config));
  const whole = new Set(wholeTensorNames(config));
  const strange = [
    ...[...delta.layers.keys()].filter((name) =>
      !layers.has(name) && !(isTable(name) && whole.has(name))
    ),
    // A head beside tied embeddings is their copy.
    ...[...delta.whole.keys()].filter((name) => !whole.has(storedTensor(config, name))),
  ];
  if (strange.length === 0) return;
  throw new DeltaError({
    problem: `is in the delta, and no tensor of '${baseName}' that it may change`,
    tensor: strange[0],
    expected: "its linear layers, embedding and head, and its other tensors whole",
  });
}

function checkShapes(delta: Delta, config: DecoderConfig, base: WeightSource): void {
  const { name: baseName } = base;
  for (const layer of linearLayerNames(config)) {
    const expected = linearShape(config, layer);
    const found = delta.layers.get(layer);
    if (found && fits(delta, found, expected)) continue;
    throw mismatch(layer, found?.shape, expected, baseName);
  }
  for (const tensor of wholeTensorNames(config)) {
    const expected = tensorShape(config, tensor);
    const table = delta.layers.get(tensor);
    if (table) {
      const ofBase = base.has(tensor) ? tensorShape(base.config, tensor) : undefined;
      if (table.role === "delta" && `${ofBase}` !== `${table.shape}`) {
        throw mismatch(tensor, table.shape, ofBase ?? [], base.name);
      }
      if (`${table.shape}` === `${expected}`) continue;
    }
    const { shape: found, dtype } = delta.whole.get(tensor) ?? {};
    if (dtype && !isFloatType(dtype)) {
      const expected = "F32, F16 or BF16";
      throw new DeltaError({ problem: "cannot be weights", tensor, value: dtype, expected });
    }
    if (found?.length === expected.length && found.every((side, axis) => side === expected[axis])) {
      continue;
    }
    throw mismatch(tensor, found, expected, baseName);
  }
}

/**
 * An old file that does not state its widths gives each as a multiple of 32: the base then knows better,
 * where the layer's parts are of the same shapes either way.
 */
function fits({ metadata }: Delta, form: LayerForm, expected: LinearShape): boolean {
  if (`${form.shape}` === `${expected}`) return true;
  if ((metadata.version ?? 0) >= STATED_SINCE || form.shape[1] % 32 !== 0) return false;
  const [stored, needed] = [form, { ...form, shape: expected }].map((each) =>
    JSON.stringify(layerParts("", each))
  );
  return stored === needed;
}

function mismatch(
  tensor: string,
  found: readonly number[] | undefined,
  expected: readonly number[],
  baseName: string,
): DeltaError {
  return new DeltaError({
    problem: found ? `has another shape than in '${baseName}'` : "is missing from the delta",
    tensor,
    value: found,
    expected: `[${expected.join(", ")}]`,
  });
}
