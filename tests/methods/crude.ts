/** A method for tests: a scale a row that is far from right, seen in what the layers after it read. */

import type { LayerForm } from "../../lib/codecs/codec.ts";
import { signsTerm } from "../../lib/codecs/signs.ts";
import type { ClosedForm } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";

/** Signs with a scale a row; `up_proj` stands in its base's place. */
export const crude: ClosedForm<Record<never, never>> = {
  kind: "closed form",
  name: "crude",
  summary: "a scale a row that is far from right",
  module: import.meta.url,
  settings: {},
  variants: {},
  sweep: null,
  look: { hue: "pink", marker: "x" },
  sees: () => "both inputs",
  rows: () => ({ rows: 9, padding: "left out" }),
  form: ({ name }) => ({ role: roleOf(name), terms: [{ codec: "signs", form: { scale: "row" } }] }),
  compress({ name, shape, signs: { mask, meanMagnitude } }) {
    const row = Float32Array.from({ length: shape[0] }, (_, at) => meanMagnitude * (0.5 + at % 3));
    return Promise.resolve({ shape, role: roleOf(name), terms: [signsTerm(mask, shape, { row })] });
  },
};

function roleOf(name: string): LayerForm["role"] {
  return name.endsWith(".up_proj") ? "weight" : "delta";
}

/** Runs something with one more method in the list. */
export async function withMethod<T>(
  method: ClosedForm<Record<never, never>>,
  action: () => Promise<T>,
): Promise<T> {
  methods.push(method);
  try {
    return await action();
  } finally {
    methods.splice(methods.indexOf(method), 1);
  }
}
