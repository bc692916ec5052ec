/**
 * Which buffer each intermediate tensor of a lowered graph lies in: a buffer is used again as soon as
 * the last kernel that reads its tensor has run.
 */

import { elementCount } from "../../checkpoint/tensor.ts";
import type { Operand } from "./kernel.ts";
import type { LoweredGraph, Tensor } from "./lower.ts";
import { storedBytes } from "./buffers.ts";

/** Buffers of a graph's intermediate tensors. */
export interface MemoryPlan {
  /** Bytes of each buffer, largest first. */
  readonly buffers: readonly number[];
  /** The buffer of each intermediate tensor. */
  readonly bufferOf: ReadonlyMap<Tensor, number>;
}

/** Bytes of a tensor on the device. */
export function tensorBytes({ shape, storage }: Operand): number {
  return storedBytes(elementCount(shape), storage);
}

/** Plans every tensor that a kernel writes and that is no output. */
export function planMemory({ dispatches, outputs }: LoweredGraph): MemoryPlan {
  const lastUse = new Map<Tensor, number>();
  dispatches.forEach(({ reads, writes }, index) => {
    for (const tensor of [...writes, ...reads]) lastUse.set(whole(tensor), index);
  });
  const kept = new Set(outputs.values());
  const sizes: number[] = [];
  const free = new Set<number>();
  const slotOf = new Map<Tensor, number>();
  dispatches.forEach(({ reads, writes }, index) => {
    for (const tensor of writes) {
      if (!kept.has(tensor)) slotOf.set(tensor, takeSlot(sizes, free, tensorBytes(tensor)));
    }
    for (const tensor of new Set([...writes, ...reads].map(whole))) {
      const slot = slotOf.get(tensor);
      if (slot !== undefined && lastUse.get(tensor) === index) free.add(slot);
    }
  });
  const order = sizes.map((_, slot) => slot).sort((a, b) => sizes[b] - sizes[a] || a - b);
  const placeOf = new Map(order.map((slot, place) => [slot, place]));
  return {
    buffers: order.map((slot) => sizes[slot]),
    bufferOf: new Map([...slotOf].map(([tensor, slot]) => [tensor, placeOf.get(slot)!])),
  };
}

/** The tensor that a part lies in: what reads the part reads it. */
function whole(tensor: Tensor): Tensor {
  return "partOf" in tensor.source ? whole(tensor.source.partOf) : tensor;
}

/** The free slot that fits best; else the largest free one, grown; else a new one. */
function takeSlot(sizes: number[], free: Set<number>, bytes: number): number {
  let best: number | null = null;
  for (const slot of free) {
    const better = best === null ||
      (sizes[best] < bytes
        ? sizes[slot] > sizes[best]
        : sizes[slot] >= bytes && sizes[slot] < sizes[best]);
    if (better) best = slot;
  }
  if (best === null) return sizes.push(bytes) - 1;
  free.delete(best);
  sizes[best] = Math.max(sizes[best], bytes);
  return best;
}
