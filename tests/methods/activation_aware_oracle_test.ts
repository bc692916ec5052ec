/** Activation-aware scales against those that the study's own code computed. */

import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import {
  activationAware,
  type ActivationAwareSettings,
} from "../../lib/methods/activation_aware.ts";
import { compress } from "../../lib/methods/compress.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { ORACLE_KINDS, ORACLE_PAIRS, oracleVectors } from "../oracle.ts";
import { engine, openPair, oracleSequences } from "./oracle_pair.ts";

const SIZES = [32, 64, 128, 256, 512];

/** The study's number is the product of float32 traces, the others are of float64. */
const ORIGINAL_BOUND = 1e-5;
const EXACT_BOUND = 1e-6;

/** All variants, the study's own first. */
const VARIANTS: readonly Omit<ActivationAwareSettings, "rows">[] = ([0, 1] as const)
  .flatMap((zero) =>
    (["counted", "left out"] as const).flatMap((padding) =>
      [true, false].map((centred) => ({ padding, centred, zero }))
    )
  );

/** The oracle's name of a variant. */
function variantName({ padding, centred, zero }: typeof VARIANTS[number]): string {
  return [
    centred ? "centred" : "uncentred",
    padding === "counted" ? "withpad" : "nopad",
    "f64",
    ...zero === 1 ? ["masksign"] : [],
  ].join("_");
}

const calibration = await oracleSequences("calib");
const combinations = ORACLE_PAIRS.flatMap((pair) =>
  ORACLE_KINDS.map((kind) => [pair, kind] as const)
);

for (const [place, [name, kind]] of combinations.entries()) {
  Deno.test(`activation-aware scales of pair ${name}, ${kind}, are the oracle's`, async () => {
    using pair = await openPair(name, kind);
    const { pairs: { [kind]: layers } } = await oracleVectors(name);
    for (const [column, rows] of SIZES.entries()) {
      for (const [row, variant] of VARIANTS.entries()) {
        // Each variant meets each size in one of the four combinations; the study's own, in all.
        if (row !== 0 && (row + column) % combinations.length !== place) continue;
        const settings = { ...variant, rows };
        const { base, fine } = pair;
        const choice = { method: activationAware.name, settings };
        const { delta } = await compress(engine, base, fine, choice, calibration);
        const scales = new Map<string, number>();
        for (const layer of delta.layers.keys()) {
          scales.set(layer, toFloat32((await delta.readLayer(layer)).terms[0].parts.coeff)[0]);
        }
        const compare = (variant: string, bound: number) => {
          const expected = Object.values(layers).map(({ aa }) => aa[rows][variant]);
          const found = Object.keys(layers).map((layer) => scales.get(layer)!);
          assertWithin(relativeError(found, expected), bound, `${variant}, ${rows} rows`);
        };
        compare(variantName(variant), EXACT_BOUND);
        if (row === 0) compare("original_f32", ORIGINAL_BOUND);
      }
    }
  });
}
