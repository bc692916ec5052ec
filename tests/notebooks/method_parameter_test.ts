/** Parameters that are a method are held to its settings, also those of a method added at run time. */

import assert from "node:assert/strict";
import type { ClosedForm, Method } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";
import { withParameters } from "../../lib/notebooks/parameters.ts";
import { OptionError } from "../../lib/util/errors.ts";
import { notebookOf } from "./sample_notebook.ts";

const toy: ClosedForm<{ readonly strength: number }> = {
  kind: "closed form",
  name: "toy",
  summary: "nothing is learned",
  module: import.meta.url,
  settings: {
    strength: { kind: "whole number", default: 2, minimum: 1, maximum: 9, help: "of a toy" },
  },
  variants: { plain: {}, strong: { strength: 9 } },
  sweep: null,
  look: { hue: "blue", marker: "x" },
  sees: () => "weights",
  rows: () => null,
  form: () => ({ role: "delta", terms: [] }),
  compress: () => Promise.reject(new Error("is not run")),
};

const source = 'const method = { method: "activation-aware", settings: { rows: 256 } };';
const notebook = notebookOf("1 + 1", [source, "parameters"]);

/** The cell that is injected for a value, with the toy among the methods. */
function injected(value: string): string | undefined {
  methods.push(toy as unknown as Method);
  try {
    const { cells } = withParameters(notebook, new Map([["method", value]]), "a.ipynb");
    return cells.find(({ id }) => id === "injected-parameters")?.source;
  } finally {
    methods.pop();
  }
}

Deno.test("a parameter that is a method takes another one by its name, or with its settings", () => {
  assert.equal(injected("toy"), 'const method = {"method":"toy"};');
  const whole = '{"method":"toy","variant":"strong","settings":{"strength":3}}';
  assert.equal(injected(whole), `const method = ${whole};`);
});

const refused: readonly [value: string, RegExp][] = [
  ["magic", /'a\.ipynb', option 'method: method': names no method: got 'magic'; expected .*toy$/],
  [
    '{"method":"toy","settings":{"rows":3}}',
    /'method: rows': is no setting of method 'toy': got 3; expected strength$/,
  ],
  [
    '{"method":"toy","settings":{"strength":10}}',
    /'method: strength'.*got 10; expected a whole number from 1 to 9$/,
  ],
  ['{"method":"toy","variant":"weak"}', /is no variant of method 'toy'.*expected plain, strong$/],
  ['{"method":"toy","rows":3}', /option 'method': is no method: .*expected the name of a method/],
  ['{"method":', /option 'method': is no method/],
];

for (const [value, message] of refused) {
  Deno.test(`-p method=${value} is refused`, () => {
    assert.throws(() => injected(value), (error: Error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, message);
      return true;
    });
  });
}
