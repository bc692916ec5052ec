/** AdamW on an engine against the paper's algorithm: for the engines that there are. */

import assert from "node:assert/strict";
import type { Engine } from "../../lib/graph/engine.ts";
import { AdamW, type AdamWSettings } from "../../lib/training/adamw.ts";
import { PlacedAdamW } from "../../lib/training/placed_adamw.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { countingEngine } from "../methods/counting_engine.ts";
import { drawnSteps, plainEnd } from "./plain_adamw.ts";

/** Takes 60 steps with two parameters on the engine, stored and started again half-way. */
export async function checkPlacedAdamW(engine: Engine, settings: AdamWSettings): Promise<void> {
  const { engine: counted, held } = countingEngine(engine);
  const drawn = { first: drawnSteps(1, 60), second: drawnSteps(2, 60) };
  const names = ["first", "second"] as const;
  const wanted = names.flatMap((name) => plainEnd(drawn[name], settings));
  const arrays = new Map(names.map((name) => [name, drawn[name].start] as const));
  const optimizer = new AdamW(arrays, settings);
  for (const [begin, end] of [[0, 30], [30, 60]]) {
    await using placed = await PlacedAdamW.start(counted, optimizer, names);
    for (let step = begin; step < end; step++) {
      const factors = optimizer.step(() => null, drawn.first.rates[step]);
      for (const name of names) {
        const gradient = await engine.place(drawn[name].gradients[step]);
        await placed.step(name, gradient, factors);
        gradient.release();
      }
    }
    await placed.store();
  }
  const found = names.flatMap((name) => [...arrays.get(name)!]);
  assertWithin(relativeError(found, wanted), 5e-6, "parameters");
  assert.deepEqual([held.placed, held.programs], [0, 0], "released");
}
