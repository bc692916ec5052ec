/** An engine of another size. */

import type { Engine } from "../../lib/graph/engine.ts";
import { MemoryBudget } from "../../lib/graph/memory.ts";

/** The same engine with `bytes` of memory, none of which is kept yet. */
export function withMemory(engine: Engine, bytes: number): Engine {
  return {
    name: engine.name,
    identity: engine.identity,
    module: engine.module,
    details: engine.details,
    appliesCodecs: engine.appliesCodecs,
    memory: new MemoryBudget(bytes),
    compile: (outputs) => engine.compile(outputs),
    place: (numbers, name) => engine.place(numbers, name),
    reserve: (info, name) => engine.reserve(info, name),
    read: (placed) => engine.read(placed),
  };
}
