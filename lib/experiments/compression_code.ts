/** Which code determines a method's deltas. Not here: its identity (`code_identity.ts`). */

import { findMethod } from "../methods/mod.ts";

/**
 * The files whose code determines a method's deltas: what measures compression, what reads checkpoints and makes tokens, and
 * the method's own, with the one that its training starts from. Methods import the codecs that they use.
 */
export function compressionCode(method: string): string[] {
  const found = findMethod(method);
  return [
    new URL("compression.ts", import.meta.url).href,
    new URL("../checkpoint/checkpoint.ts", import.meta.url).href,
    new URL("../texts/sequences.ts", import.meta.url).href,
    found.module,
    ...found.kind === "trained" ? [findMethod(found.start).module] : [],
  ];
}
