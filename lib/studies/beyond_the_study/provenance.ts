/** Where the numbers of a run come from, gathered from its measurements. */

import { basename } from "node:path";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import type { CompressionKey, EvaluationKey } from "../../experiments/measurement_schema.ts";
import type { Json } from "../../figures/figure.ts";
import { sha256 } from "../../util/canonical.ts";
import { packageVersions } from "../activation_aware_bitdelta/provenance.ts";
import type { Provenance } from "../report_files.ts";
import { listedModels } from "./models.ts";
import type { BeyondProtocol } from "./protocol.ts";
import type { BeyondStudyResults } from "./results.ts";

/** Protocol, hashes, versions, engine and machine class of a run. */
export function beyondProvenance({ measurements, protocol }: BeyondStudyResults): Provenance {
  const hashes: Record<string, string> = {};
  const codes = new Set<string>();
  const machines = new Set<string>();
  for (const { task, key, result } of measurements) {
    const { name } = task.pair;
    codes.add((key as CompressionKey).code);
    if (task.kind === "compression") {
      const { base, fine, text } = key as CompressionKey;
      hashes[`${name}: base`] = base;
      hashes[`${name}: fine-tune`] = fine;
      const { seed, text: mix = "general" } = task.model;
      if (text !== null) hashes[`${name}: ${mix} calibration text: seed ${seed}`] = text;
      machines.add((result as { cost: { machine: string } }).cost.machine);
    }
    if (task.kind === "evaluation") hashes[`${name}: ${task.domain}`] = (key as EvaluationKey).text;
  }
  // Each measurement has the hash of what it reaches: one hash of them all stands for these.
  hashes["measuring code"] = sha256([...codes].sort().join());
  return {
    protocol: plainProtocol(protocol),
    hashes,
    versions: packageVersions(),
    engine: measurements[0].engine,
    device: JSON.parse(JSON.stringify(measurements.at(-1)!.device)),
    seeds: protocol.seeds,
    machine: [...machines].sort().join("; "),
  };
}

/** The protocol without paths, which differ from machine to machine. */
function plainProtocol(protocol: BeyondProtocol): Record<string, Json> {
  const { pairs, models, ...settings } = protocol;
  const place = (source: string) => isHubName(source) ? source : basename(source);
  return JSON.parse(JSON.stringify({
    ...settings,
    models: listedModels(models).listed,
    pairs: pairs.map(({ name, base, fine, domain, texts: { names, origins } }) => ({
      ...{ name, base: place(base), fine: place(fine), domain, texts: names },
      ...origins === undefined ? {} : { read: Object.keys(origins) },
    })),
  }));
}
