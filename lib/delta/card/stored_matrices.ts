/** How a delta stores its matrices, as a card says it: what they are near, where, and by which codecs. */

import { EMBEDDING, isTable } from "../../checkpoint/weights.ts";
import type { LayerForm } from "../../codecs/codec.ts";
import type { Delta } from "../delta.ts";
import { bitsOf } from "../delta_size.ts";
import { code } from "./markdown.ts";

/** Matrices of one kind and role. */
export interface StoredMatrices {
  /** What they are matrices of. */
  readonly of: "linear layers" | "embedding" | "head";
  /** Whether they are added to the base's weights, or stand in their place. */
  readonly role: LayerForm["role"];
  /** How many. */
  readonly count: number;
  /** Names of the codecs that any of them is stored by. */
  readonly codecs: readonly string[];
  /** Bits of each of their weights, scales included. */
  readonly bits: number;
}

/** The matrices of a delta, those of one kind and role together. */
export function storedMatrices({ layers }: Pick<Delta, "layers">): StoredMatrices[] {
  const groups = Map.groupBy(layers, ([name, { role }]) => `${kindOf(name)}, ${role}`);
  return [...groups.values()].map((group) => {
    const forms = group.map(([, form]) => form);
    return {
      of: kindOf(group[0][0]),
      role: forms[0].role,
      count: forms.length,
      codecs: [...new Set(forms.flatMap(({ terms }) => terms.map(({ codec }) => codec)))],
      bits: bitsOf(forms),
    };
  });
}

/** What has to be done with a base that comes after these words. */
export function whatIsDone(stored: readonly StoredMatrices[]): string {
  const [adds, replaces] = ["delta", "weight"].map((role) =>
    stored.some((each) => each.role === role)
  );
  if (!replaces) return "What has to be added to";
  return adds
    ? "What has to be added to, or stand in place of, weights of"
    : "What has to stand in place of weights of";
}

/** One clause for each kind and role. */
export function whatIsStored(stored: readonly StoredMatrices[]): string {
  return stored.map(({ of, role, count, codecs }) => {
    const hasOthers = stored.some((each) => each.of === of && each.role !== role);
    const each = of === "linear layers"
      ? hasOthers ? `${count} linear layers` : "each linear layer"
      : `the ${of}`;
    const near = role === "delta"
      ? "a matrix near `W_fine − W_base`"
      : "a matrix near `W_fine` in the place of the base's";
    return `for ${each} ${near}, stored by ${codecs.map(code).join(" and ")}`;
  }).join("; ");
}

function kindOf(name: string): StoredMatrices["of"] {
  if (!isTable(name)) return "linear layers";
  return name === EMBEDDING ? "embedding" : "head";
}
