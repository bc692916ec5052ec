/** What is not yet as the layout wants it. The lists only get shorter: what is mended must leave them. */
export const notYet = {
  upward: [],
  unused: [],
  behindTheFace: [],
  heavy: [],
  names: [
    "lib/analysis/output_products.ts: signs",
    "lib/methods/calibrate.ts: activation-aware",
    "lib/methods/calibrate.ts: distilled",
  ],
} satisfies Record<string, string[]>;
