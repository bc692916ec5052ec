/** What kind of machine times are taken on: they hold for it alone, and are never mixed with another's. */

import type { Engine } from "../graph/engine.ts";
import { timingKind } from "./measurement_schema.ts";
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

/**
 * The kind of machine whose times stand in a store, by this engine: of this machine if it has any, else the
 * only other one.
 *
 * @throws {MeasurementError} if there are several others, among which nobody has chosen.
 */
export async function timedMachine(
  store: MeasurementStore,
  engine: Pick<Engine, "identity">,
): Promise<string> {
  const here = machineClass();
  const timings = await store.all(timingKind);
  const machines = new Set(
    timings.filter(({ key }) => key.compression.engine === engine.identity)
      .map(({ key }) => key.machine),
  );
  if (machines.has(here) || machines.size === 0) return here;
  const [machine, ...others] = [...machines].sort();
  if (others.length === 0) return machine;
  throw new MeasurementError({
    problem: "holds times of several kinds of machine",
    file: store.directory,
    value: [machine, ...others].join("; "),
    expected: `those of one, or of this one (${here})`,
  });
}
