/** What the benchmarks measure on each engine, by name. */

import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import type { Table } from "../../lib/tables/table.ts";
import { OptionError } from "../../lib/util/errors.ts";
import type { Watch } from "../../lib/util/progress.ts";
import { compareActivationAware } from "./activation_aware.ts";
import type { Comparison } from "./comparison.ts";
import { compareExtraction } from "./extraction.ts";
import { compareForward } from "./forward.ts";
import { measureProfile } from "./profile.ts";
import { measureSevenBillion } from "./seven_billion.ts";
import type { PairOptions } from "./seven_billion/pair.ts";
import { compareLayerMemory } from "./webgpu_layer.ts";
import { measureProducts } from "./webgpu_products.ts";
import { compareTraining } from "./webgpu_training.ts";

/** What the benchmarks run on. */
export type BenchDevice = "cpu" | "webgpu";

/** What a part of the benchmarks gives: comparisons, and tables of its own where they are not all. */
export interface Measured {
  readonly rows: Comparison[];
  readonly tables?: Table[];
}

/** A part of the benchmarks. */
export interface Part {
  readonly name: string;
  readonly measure: (watch: Watch) => Promise<Measured>;
}

/** Parts on a pair, which take minutes, and gigabytes of disk. */
export const onPair: readonly string[] = ["seven_billion", "profile", "serving"];

/** Parts that are left out unless they are asked for. */
export const leftOut: readonly string[] = [...onPair, "layers"];

/** The parts of each device, in this order: the process keeps memory that a later one is charged for. */
export const partNames: Readonly<Record<BenchDevice, readonly string[]>> = {
  cpu: [
    "activation_aware",
    "extraction",
    "forward",
    "linear_algebra",
    "few_rows",
    "layers",
    ...onPair,
  ],
  webgpu: ["products", "peers", "memory", "training", ...onPair],
};

/**
 * The parts that are asked for, in their own order; all but those that are left out if none are named.
 *
 * @throws {OptionError} if a device has no such part.
 */
export function chosenParts(device: BenchDevice, asked?: readonly string[]): string[] {
  const names = partNames[device];
  const strange = asked?.find((name) => !names.includes(name));
  if (strange !== undefined) {
    throw new OptionError({
      problem: `is no part on ${device}`,
      option: "--part",
      value: strange,
      expected: names.join(", "),
    });
  }
  return names.filter((name) => asked ? asked.includes(name) : !leftOut.includes(name));
}

/** The engine of a device, and parts by name. What a part needs is loaded with it. */
export async function openParts(
  device: BenchDevice,
  names: readonly string[],
  options: PairOptions,
): Promise<{ engine: Engine; parts: Part[] }> {
  const rows = async (compared: Promise<Comparison[]>): Promise<Measured> => ({
    rows: await compared,
  });
  if (device === "cpu") {
    const measures: Record<string, Part["measure"]> = {
      activation_aware: () => rows(compareActivationAware()),
      extraction: () => rows(compareExtraction()),
      forward: () => rows(compareForward()),
      linear_algebra: async () => {
        const { compareLinearAlgebra } = await import("./linear_algebra.ts");
        return await rows(compareLinearAlgebra());
      },
      few_rows: async () => {
        const { compareFewRows } = await import("./few_rows.ts");
        return await rows(compareFewRows());
      },
      layers: async (watch) => {
        const { measureLayers } = await import("./layers.ts");
        return await rows(measureLayers(watch));
      },
      seven_billion: (watch) => measureSevenBillion("cpu", null, options, watch),
      profile: (watch) => measureProfile("cpu", null, options, watch),
      serving: (watch) => serving(onnxEngine, options, watch),
    };
    return { engine: onnxEngine(), parts: named(names, measures) };
  }
  const engine = await openWebGpuEngine();
  const measures: Record<string, Part["measure"]> = {
    products: () => measureProducts(engine),
    peers: async () => {
      const { compareWithPeers } = await import("./webgpu_peers.ts");
      return await rows(compareWithPeers(engine));
    },
    memory: () => rows(compareLayerMemory(engine)),
    training: () => rows(compareTraining(engine)),
    seven_billion: (watch) => measureSevenBillion("webgpu", engine.device.adapter, options, watch),
    profile: (watch) => measureProfile("webgpu", engine.device.adapter, options, watch),
    serving: (watch) => serving(() => engine, options, watch),
  };
  return { engine, parts: named(names, measures) };
}

async function serving(
  engine: () => Engine,
  options: PairOptions,
  watch: Watch,
): Promise<Measured> {
  const { measureServingBench } = await import("./serving.ts");
  return await measureServingBench(engine(), options, watch);
}

function named(names: readonly string[], measures: Readonly<Record<string, Part["measure"]>>) {
  return names.map((name): Part => ({ name, measure: measures[name] }));
}
