/** Options come from the settings of the methods in the list, also of one that is added at run time. */

import assert from "node:assert/strict";
import { Command } from "commander";
import type { ClosedForm, Method } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";
import { OptionError } from "../../lib/util/errors.ts";
import {
  chosenMethods,
  withMethodOptions,
  withMethodsOptions,
} from "../../scripts/method_options.ts";

type ToySettings = { readonly keptShare: number; readonly rows: number; readonly mode: "a" | "b" };

const toy: ClosedForm<ToySettings> = {
  kind: "closed form",
  name: "toy",
  summary: "nothing is learned",
  module: import.meta.url,
  settings: {
    keptShare: { kind: "number", default: 0.5, minimum: 0, maximum: 1, help: "share that is kept" },
    rows: { kind: "whole number", default: 2, minimum: 1, maximum: 9, help: "rows of a toy" },
    mode: { kind: "choice", default: "a", values: ["a", "b"], help: "which of two" },
  },
  variants: { plain: {}, fancy: { mode: "b" } },
  sweep: "keptShare",
  look: { hue: "blue", marker: "x" },
  sees: () => "weights",
  rows: () => null,
  form: () => ({ role: "delta", terms: [] }),
  compress: () => Promise.reject(new Error("is not run")),
};

/** Runs with the toy at the list's end. */
function withToy(action: () => void): () => void {
  return () => {
    methods.push(toy as unknown as Method);
    try {
      action();
    } finally {
      methods.pop();
    }
  };
}

function one(...args: string[]): ReturnType<typeof chosenMethods> {
  return chosenMethods(parsed(withMethodOptions(new Command()), args));
}

function several(...args: string[]): ReturnType<typeof chosenMethods> {
  return chosenMethods(parsed(withMethodsOptions(new Command(), ["initial", "toy"]), args));
}

function parsed(command: Command, args: string[]): Command {
  command.exitOverride().configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" });
}

Deno.test(
  "a method of the list is an option with its summary, variants, settings, bounds and defaults",
  withToy(() => {
    const help = withMethodOptions(new Command()).helpInformation().replaceAll(/\s+/g, " ");
    for (
      const part of [
        "toy, nothing is learned",
        "plain of toy",
        '"fancy"',
        "--kept-share <number> toy: share that is kept; default: 0.5",
        "toy: rows of a toy; default: 2",
        "--mode <choice> toy: which of two (a, b); default: a",
      ]
    ) assert.ok(help.includes(part), `${part}\n${help}`);
    assert.equal(help.match(/--rows </g)?.length, 1);
  }),
);

Deno.test(
  "a choice has what was given, in the setting's type, and nothing else",
  withToy(() => {
    assert.deepEqual(one("--method", "toy"), [{ method: "toy", settings: {} }]);
    const args = ["--method", "toy", "--variant", "fancy", "--kept-share", "2.5e-1", "--rows", "7"];
    const settings = { keptShare: 0.25, rows: 7 };
    assert.deepEqual(one(...args), [{ method: "toy", variant: "fancy", settings }]);
    const exact = one("--method", "activation-aware", "--centred", "true", "--zero", "0");
    assert.deepEqual(exact[0].settings, { centred: true, zero: 0 });
  }),
);

Deno.test(
  "of several methods each takes the settings and variants that it has",
  withToy(() => {
    const given = ["--rows", "5", "--variant", "corrected", "study-faithful", "fancy"];
    assert.deepEqual(several("--methods", "initial", "toy", "activation-aware", ...given), [
      { method: "initial", settings: {} },
      { method: "toy", variant: "fancy", settings: { rows: 5 } },
      { method: "activation-aware", variant: "corrected", settings: { rows: 5 } },
      { method: "activation-aware", variant: "study-faithful", settings: { rows: 5 } },
    ]);
    assert.deepEqual(several().map(({ method }) => method), ["initial", "toy"]);
  }),
);

const refused: readonly [args: string[], RegExp][] = [
  [
    ["--method", "initial", "--rows", "5"],
    /option '--rows': is no setting of method 'initial': got '5'; expected none/,
  ],
  [
    ["--method", "toy", "--learning-rate", "0.1"],
    /'--learning-rate': is no setting of method 'toy'.*expected --kept-share, --rows, --mode$/,
  ],
  [
    ["--method", "toy", "--rows", "10"],
    /option '--rows': does not fit method 'toy': got '10'; expected a whole number from 1 to 9$/,
  ],
  [
    ["--method", "toy", "--variant", "corrected"],
    /option '--variant': is no variant of method 'toy': got 'corrected'; expected plain, fancy$/,
  ],
];

for (const [args, message] of refused) {
  Deno.test(
    `${args.join(" ")} is refused`,
    withToy(() => {
      assert.throws(() => one(...args), (error: Error) => {
        assert.ok(error instanceof OptionError);
        assert.match(error.message, message);
        return true;
      });
    }),
  );
}

Deno.test(
  "what no method's setting may be is refused when it is read",
  withToy(() => {
    const read = (...args: string[]) => () => one("--method", "toy", ...args);
    assert.throws(read("--kept-share", "1.5"), /expected a number from 0 to 1\./);
    assert.throws(read("--mode", "c"), /expected a, b\./);
    assert.throws(read("--rows", "1.5"), /expected a whole number from 1 to .* or a whole number/);
  }),
);

Deno.test("without the toy there is no option of it", () => {
  assert.doesNotMatch(withMethodOptions(new Command()).helpInformation(), /toy|kept-share/);
});
