/**
 * The weights of one model where an engine computes, all of them, as they are stored, and once for both kinds of
 * step. Not here: what tenants add to them.
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { forgetRooms } from "../../checkpoint/room.ts";
import { formedValues } from "../../checkpoint/formed_tensor.ts";
import {
  byteCount,
  float32Tensor,
  type FloatType,
  type RawTensor,
  type TensorInfo,
  toFloat32,
} from "../../checkpoint/tensor.ts";
import {
  EMBEDDING,
  HEAD,
  nameInLayer,
  storedTensor,
  tensorNames,
  tensorShape,
  type WeightSource,
} from "../../checkpoint/weights.ts";
import { isApplied } from "../../delta/apply.ts";
import type { Engine, Placed } from "../../graph/engine.ts";
import { input, type Value } from "../../graph/graph.ts";
import { groupedMatmul, groupedRows } from "../../graph/ops/grouped.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { ServingError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { parameterInputs } from "../linear.ts";
import type { RowContext, RowWeights, StepShape, StepWeights } from "./row_weights.ts";

/** i32 `[rows]`: 0 for a row that the weights are those of, −1 for one of nobody. */
export const GROUPS = "groups";

/** A model whose weights stay placed. Dispose of it to free them. */
export class BaseWeights implements RowWeights, Disposable {
  readonly #room: Disposable;
  readonly #placed: ReadonlyMap<string, Placed>;

  private constructor(
    readonly engine: Engine,
    readonly model: WeightSource,
    placed: ReadonlyMap<string, Placed>,
    room: Disposable,
  ) {
    this.#placed = placed;
    this.#room = room;
  }

  /**
   * Reads and places all tensors.
   *
   * @throws {ServingError} if the engine's memory has no room for them.
   * @throws what the model throws when it is read.
   */
  static async place(
    engine: Engine,
    model: WeightSource,
    { onProgress, signal }: Watch = {},
  ): Promise<BaseWeights> {
    using opened = new DisposableStack();
    const names = tensorNames(model.config);
    const bytes = names.reduce((sum, name) => sum + byteCount(infoOf(model, name)), 0);
    const room = opened.adopt(requireRoom(engine, model, bytes), (room) => room[Symbol.dispose]());
    const placed = new Map<string, Placed>();
    opened.defer(() => placed.values().forEach((each) => each.release()));
    for (const [index, name] of names.entries()) {
      signal?.throwIfAborted();
      placed.set(name, await placeTensor(engine, model, name));
      onProgress?.({ done: index + 1, total: names.length, label: `tensors of ${model.name}` });
    }
    forgetRooms();
    opened.move();
    return new BaseWeights(engine, model, placed, room);
  }

  /** Bytes that they take where the engine computes. */
  get byteLength(): number {
    return this.#placed.values().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /**
   * A tensor by its name in the checkpoint: a matrix or a table as it is stored, in order of its shape and one group
   * of a table of groups alike; a vector as float32.
   */
  tensor(name: string): Placed {
    return this.#placed.get(storedTensor(this.model.config, name))!;
  }

  /** How a graph computes with them, rows of nobody left out where that saves time. */
  context({ kind, rows }: StepShape): RowContext {
    const { config } = this.model;
    const parameters = parameterInputs(config);
    const groups = input(GROUPS, [rows], "i32");
    const tables = new Map<string, Value>();
    const asGroup = (tensor: string) => {
      const name = storedTensor(config, tensor);
      const table = tables.get(name) ?? input(name, [1, ...tensorShape(config, name)]);
      tables.set(name, table);
      return table;
    };
    return {
      parameters,
      linear: (x, layer) =>
        kind === "decode"
          ? groupedMatmul(x, asGroup(`${layer}.weight`), groups)
          : matmul(x, parameters(`${layer}.weight`), { transposeSecond: true }),
      embedding: (tokens) => groupedRows(asGroup(EMBEDDING), groups, tokens),
      head: (normalized) => groupedMatmul(normalized, asGroup(HEAD), groups),
    };
  }

  /** The groups of rows of which the first so many are of the base. */
  groups({ rows }: StepShape, count: number): Int32Array {
    return new Int32Array(rows).fill(-1, count);
  }

  async begin(step: StepShape, tenants: readonly (string | null)[]): Promise<StepWeights> {
    const groups = await this.engine.place(this.groups(step, tenants.length));
    return {
      key: () => "base",
      context: () => this.context(step),
      feeds: (part, inputs) =>
        Object.fromEntries(inputs.map((name) => [
          name,
          name === GROUPS
            ? groups
            : this.tensor(typeof part === "number" ? nameInLayer(name, part) : name),
        ])),
      [Symbol.dispose]: () => groups.release(),
    };
  }

  configOf(): DecoderConfig {
    return this.model.config;
  }

  /** Frees them; there must be no runs. */
  [Symbol.dispose](): void {
    this.#placed.values().forEach((each) => each.release());
    this.#room[Symbol.dispose]();
  }
}

function requireRoom({ memory }: Engine, model: WeightSource, bytes: number): Disposable {
  const room = memory.keep(bytes);
  if (room) return room;
  throw new ServingError({
    problem: `'${model.name}' has no room where the engine computes`,
    value: `${bytes} bytes`,
    expected: `three quarters of ${memory.bytes} bytes, less what others keep`,
  });
}

/** How a tensor is placed: what is formed, and vectors, as float32. */
function infoOf(model: WeightSource, name: string): TensorInfo & { readonly dtype: FloatType } {
  const shape = tensorShape(model.config, name);
  const dtype = model.stored?.info(name).dtype ?? "F32";
  return { dtype: shape.length === 1 ? "F32" : dtype as FloatType, shape };
}

async function placeTensor(engine: Engine, model: WeightSource, name: string): Promise<Placed> {
  const raw = await readTensor(model, name);
  const { dtype, shape } = infoOf(model, name);
  if (shape.length === 1) return await engine.place(toFloat32(raw).slice(), name);
  const reserved = await engine.reserve({ dtype, shape }, name);
  try {
    await reserved.write(0, raw);
  } catch (error) {
    reserved.release();
    throw error;
  }
  model.stored?.giveBack?.(raw);
  return reserved;
}

async function readTensor(model: WeightSource, name: string): Promise<RawTensor> {
  if (model.stored) return await model.stored.read(name);
  const shape = tensorShape(model.config, name);
  if (!isApplied(model)) return float32Tensor(await model.readFloat32(name), shape);
  const read = await model.read(name);
  return "form" in read ? float32Tensor(await formedValues(read), shape) : read;
}
