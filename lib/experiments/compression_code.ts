/** Which code determines a method's deltas. Not here: its identity (`code_identity.ts`). */

import type { MethodChoice } from "../methods/method.ts";
import { findMethod, madeFrom } from "../methods/mod.ts";

/**
 * The files whose code determines a method's deltas: what measures compression, what reads checkpoints and makes tokens, and
 * the method's own, with the one that its training starts from. Methods import the codecs that they use.
 */
export function compressionCode(choice: MethodChoice): string[] {
  return [
    new URL("compression.ts", import.meta.url).href,
    new URL("../checkpoint/checkpoint.ts", import.meta.url).href,
    new URL("../texts/sequences.ts", import.meta.url).href,
    ...methodModules(choice),
  ];
}

function methodModules(choice: MethodChoice): string[] {
  return [findMethod(choice.method).module, ...madeFrom(choice).flatMap(methodModules)];
}
