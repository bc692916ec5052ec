/** Activation-aware scales against those that the study's own code computed. */

import {
  type ActivationAwareSettings,
  calibrateActivationAware,
} from "../../lib/methods/activation_aware.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { ORACLE_KINDS, ORACLE_PAIRS, oracleVectors } from "../oracle.ts";
import { engine, openPair, oracleSequences } from "./oracle_pair.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";

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
        const { base, fine, initial } = pair;
        const delta = await calibrateActivationAware(
          engine,
          base,
          fine,
          initial,
          calibration,
          settings,
        );
        const found = await scalesOf(delta);
        const compare = (variant: string, bound: number) => {
          const expected = Object.values(layers).map(({ aa }) => aa[rows][variant]);
          const scales = Object.keys(layers).map((layer) => found.get(layer)!);
          assertWithin(relativeError(scales, expected), bound, `${variant}, ${rows} rows`);
        };
        compare(variantName(variant), EXACT_BOUND);
        if (row === 0) compare("original_f32", ORIGINAL_BOUND);
      }
    }
  });
}
