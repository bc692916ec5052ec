/** Which code determines a method's deltas. Not here: its identity (`code_identity.ts`). */

import type { Method, MethodChoice } from "../methods/method.ts";
import { findMethod, madeFrom } from "../methods/mod.ts";

/** What methods of one kind alone take: it scores models, which no other compression does. */
const OF_KIND: Readonly<Record<Method["kind"], readonly string[]>> = {
  "closed form": [],
  "trained": [],
  "chosen": ["../methods/choose.ts"],
  "allocated": ["../methods/allocation/allocate.ts"],
};

/**
 * The files whose code determines a method's deltas: what measures compression, what reads checkpoints and makes tokens, and
 * the method's own, with those of what its delta is made from. Methods import the codecs that they use.
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
  const { kind, module } = findMethod(choice.method);
  const ofKind = OF_KIND[kind].map((path) => new URL(path, import.meta.url).href);
  return [module, ...ofKind, ...madeFrom(choice).flatMap(methodModules)];
}
