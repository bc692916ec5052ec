/** What kind of machine times are taken on: they hold for it alone, and are never mixed with another's. */

import type { Engine } from "../graph/engine.ts";
import { type Circumstances, timingKind } from "./measurement_schema.ts";
import { MeasurementError, type MeasurementStore } from "./measurement_store.ts";

/**
 * What kind of machine this is, not which: `"x86_64 linux, 2 cores"`.
 *
 * @example
 * ```ts
 * import { machineClass } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(machineClass(), /core/);
 * ```
 */
export function machineClass(): string {
  return `${Deno.build.arch} ${Deno.build.os}, ${navigator.hardwareConcurrency} cores`;
}

/** What times that are taken here hold for. */
export function circumstancesHere(engine: Pick<Engine, "name">): Circumstances {
  return { machine: machineClass(), engine: engine.name };
}

/**
 * What the times in a store hold for, of those by an engine like this one: here if there are any of here,
 * else the only others.
 *
 * @throws {MeasurementError} if there are several others, among which nobody has chosen.
 */
export async function storedCircumstances(
  store: MeasurementStore,
  engine: Pick<Engine, "identity" | "name">,
): Promise<Circumstances> {
  const here = circumstancesHere(engine);
  const timings = await store.all(timingKind);
  const found = new Map(
    timings.filter(({ key }) => key.compression.engine === engine.identity)
      .map(({ key: { machine, engine } }) => [nameOf({ machine, engine }), { machine, engine }]),
  );
  if (found.has(nameOf(here)) || found.size === 0) return here;
  const [only, ...others] = found.values();
  if (others.length === 0) return only;
  throw new MeasurementError({
    problem: "holds times of several kinds of machine",
    file: store.directory,
    value: [...found.keys()].sort().join("; "),
    expected: `those of one, or of this one (${nameOf(here)})`,
  });
}

function nameOf({ machine, engine }: Circumstances): string {
  return `${machine}, ${engine}`;
}
