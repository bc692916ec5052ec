/**
 * What of a model stays where an engine computes, between its runs: all of it as the engine computes fastest,
 * where that is little, all of it as it is stored, or, where that does not fit either, its ends and its first layers.
 */

import { elementCount } from "../checkpoint/tensor.ts";
import { layerPrefix, tensorNames, tensorShape } from "../checkpoint/weights.ts";
import type { MemoryBudget } from "../graph/memory.ts";
import type { ModelTensors } from "./model_tensors.ts";

/**
 * Of the memory, what models that stay as floats may take together: widening costs a run over a few hundred rows
 * some per cent, and a large model's floats cost as much once, and twice its room for good.
 */
const WIDE_SHARE = 1 / 8;

/** What stays of a model. Dispose of it to give the room back. */
export interface Residence extends Disposable {
  /** Whether what stays is float32, of an engine that would have to widen it in each run. */
  readonly isWide: boolean;
  /** Whether all of it stays. */
  readonly isWhole: boolean;
  /** Whether a tensor stays. */
  stays(tensor: string): boolean;
}

/** Nothing stays. */
export const NOWHERE: Residence = {
  isWide: false,
  isWhole: false,
  stays: () => false,
  [Symbol.dispose]() {},
};

/** Takes as much room for a model as there is, and notes what is not as fast as it could be. */
export function residenceOf(tensors: ModelTensors, memory: MemoryBudget): Residence {
  const { config, byteLength } = tensors;
  if (memory.widens) {
    const floats = tensorNames(config)
      .reduce((sum, name) => sum + elementCount(tensorShape(config, name)), 0);
    const room = memory.keep(4 * floats, (1 - WIDE_SHARE) * memory.bytes);
    if (room) return whole(room, true);
  }
  const room = memory.keep(byteLength);
  if (room && memory.widens) memory.exceptions.add(`${tensors.name} stays as it is stored`);
  if (room) return whole(room, false);
  if (memory.widens) return firstLayers(tensors, memory);
  memory.exceptions.add(`${tensors.name} is read for each run`);
  return NOWHERE;
}

function whole(room: Disposable, isWide: boolean): Residence {
  return {
    isWide,
    isWhole: true,
    stays: () => true,
    [Symbol.dispose]: () => room[Symbol.dispose](),
  };
}

/** Its ends, which every run reads, and of its layers the first ones. */
function firstLayers(tensors: ModelTensors, memory: MemoryBudget): Residence {
  const { config, name } = tensors;
  const rooms = new DisposableStack();
  const kept = new Set<string>();
  const all = tensorNames(config);
  const keep = (group: readonly string[]) => {
    const bytes = group.reduce((sum, tensor) => sum + tensors.bytesOf(tensor), 0);
    const room = memory.keep(bytes);
    if (!room) return false;
    rooms.use(room);
    group.forEach((tensor) => kept.add(tensor));
    return true;
  };
  let layers = 0;
  if (keep(all.filter((tensor) => !tensor.startsWith("model.layers.")))) {
    while (layers < config.layerCount) {
      if (!keep(all.filter((tensor) => tensor.startsWith(layerPrefix(layers))))) break;
      layers++;
    }
  }
  memory.exceptions.add(
    `${layers} of ${config.layerCount} layers of ${name} stay, the others are read for each run`,
  );
  return {
    isWide: false,
    isWhole: false,
    stays: (tensor) => kept.has(tensor),
    [Symbol.dispose]: () => rooms.dispose(),
  };
}
