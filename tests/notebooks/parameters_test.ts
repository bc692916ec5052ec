/** Parameters: found by a parser, given by name, injected after their defaults. */

import assert from "node:assert/strict";
import { OptionError } from "../../lib/util/errors.ts";
import { NotebookError } from "../../lib/notebooks/errors.ts";
import { readParameters, withParameters } from "../../lib/notebooks/parameters.ts";
import { notebookOf } from "./sample_notebook.ts";

const source = `// const commented = 1;
import { domains } from "../lib/mod.ts";
type Device = "auto" | "cpu";
const pair: string = "const quoted = 1; \`const template\`", rate = 1e-4;
let seed = 3, verbose: boolean = false;
const device = "auto" as Device;
const sizes: number[] = [32, 64];
const shift = -1, large = 10n, names = ["a"], mixed = [1, "a"], none = null, made = Math.sqrt(2);
const settings = { a: 1 };
const { inner } = { inner: 1 };
if (seed) { const nested = 1; }`;
const notebook = notebookOf("1 + 1", [source, "parameters"], "seed");

Deno.test("names come from declarations of the cell itself, with plain defaults", () => {
  assert.deepEqual(readParameters(notebook, "a.ipynb"), [
    {
      name: "pair",
      kind: "const",
      literal: "const quoted = 1; `const template`",
    },
    { name: "rate", kind: "const", literal: 1e-4 },
    { name: "seed", kind: "let", literal: 3 },
    { name: "verbose", kind: "let", literal: false },
    { name: "device", kind: "const", literal: "auto" },
    { name: "sizes", kind: "const", literal: [32, 64] },
    { name: "shift", kind: "const", literal: -1 },
    { name: "large", kind: "const", literal: 10n },
    { name: "names", kind: "const", literal: ["a"] },
    { name: "mixed", kind: "const", literal: [1, "a"] },
    { name: "none", kind: "const", literal: null },
    { name: "made", kind: "const" },
    { name: "settings", kind: "const", literal: { a: 1 } },
  ]);
  assert.deepEqual(readParameters(notebookOf("const a = 1;"), "a.ipynb"), []);
});

const values: [name: string, text: string, line: string][] = [
  ["pair", "other", 'const pair = "other";'],
  ["pair", "7", 'const pair = "7";'],
  ["pair", '"a \\"b\\""', 'const pair = "a \\"b\\"";'],
  ["pair", "", 'const pair = "";'],
  ["pair", "a=b\nc", 'const pair = "a=b\\nc";'],
  ["rate", "0.5", "const rate = 0.5;"],
  ["seed", "-1e3", "seed = -1000;"],
  ["verbose", "true", "verbose = true;"],
  ["device", "cpu", 'const device = "cpu";'],
  ["sizes", "[1, 2]", "const sizes = [1,2];"],
  ["sizes", "[]", "const sizes = [];"],
  [
    "settings",
    '{"__proto__":1,"a":"\\"__proto__\\":"}',
    'const settings = {["__proto__"]:1,"a":"\\"__proto__\\":"};',
  ],
  ["shift", "-2", "const shift = -2;"],
  ["shift", "+.5e1", "const shift = 5;"],
  ["shift", "-0", "const shift = -0;"],
  ["shift", "1e300", "const shift = 1e+300;"],
  ["shift", "-9007199254740991", "const shift = -9007199254740991;"],
  ["large", "9007199254740993", "const large = 9007199254740993n;"],
  ["pair", "9007199254740993", 'const pair = "9007199254740993";'],
  ["names", '["b","c"]', 'const names = ["b","c"];'],
  ["mixed", "[true]", "const mixed = [true];"],
  ["none", "few", 'const none = "few";'],
  ["made", "-1", "const made = -1;"],
  ["settings", '{"b": [1]}', 'const settings = {"b":[1]};'],
];

for (const [name, text, line] of values) {
  Deno.test(`-p ${name}=${text} becomes ${line}`, () => {
    const { cells } = withParameters(notebook, new Map([[name, text]]), "a.ipynb");
    assert.deepEqual(cells.map(({ id }) => id), ["c1", "c2", "injected-parameters", "c3"]);
    assert.equal(cells[2].source, line);
    assert.deepEqual(cells[2].metadata, { tags: ["injected-parameters"] });
  });
}

Deno.test("injecting again replaces what was injected, and nothing given changes nothing", () => {
  const once = withParameters(notebook, new Map([["seed", "1"]]), "a.ipynb");
  const twice = withParameters(once, new Map([["seed", "2"], ["rate", "3"]]), "a.ipynb");
  assert.equal(twice.cells.length, 4);
  assert.equal(twice.cells[2].source, "seed = 2;\nconst rate = 3;");
  assert.equal(withParameters(notebook, new Map(), "a.ipynb"), notebook);
});

const refused: [name: string, text: string, message: RegExp][] = [
  [
    "sead",
    "1",
    /'a\.ipynb'.*got 'sead'; expected one of pair, rate, seed, verbose, device, sizes, shift, large, names, mixed, none, made, settings$/,
  ],
  ["inner", "1", /no such parameter: got 'inner'/],
  ["commented", "1", /no such parameter/],
  [
    "rate",
    "fast",
    /option 'rate': of another type than its default 0\.0001: got 'fast'.*a number$/,
  ],
  ["rate", "null", /got 'null'; expected a number/],
  ["verbose", "1", /got '1'; expected true or false/],
  ["shift", "few", /default -1: got 'few'; expected a number/],
  ["shift", "9007199254740993", /got '9007199254740993'; expected a number within ±2⁵³/],
  ["shift", "1e400", /got '1e400'; expected a number within/],
  ["made", "12345678901234567890", /got '12345678901234567890'; expected a number within/],
  ["sizes", "[9007199254740993]", /got '9007199254740993'; expected a number within/],
  ["sizes", "few", /default \[32,64\]: got 'few'; expected a list, each a number/],
  ["sizes", '["a"]', /expected a list, each a number/],
  ["names", "[1]", /expected a list, each a text/],
  ["large", "1.5", /default 10n: got '1\.5'; expected an integer with n/],
  ["settings", "[1]", /expected an object/],
];

for (const [name, text, message] of refused) {
  Deno.test(`-p ${name}=${text} is refused`, () => {
    assert.throws(
      () => withParameters(notebook, new Map([[name, text]]), "a.ipynb"),
      (error: Error) => {
        assert.ok(error instanceof OptionError);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

const unreadable: [name: string, cells: Parameters<typeof notebookOf>, message: RegExp][] = [
  [
    "no declarations",
    ["const a = 1;"],
    /no such parameter.*expected none, as no cell declares any$/,
  ],
  ["code that cannot be parsed", [["const a = ;", "parameters"]], /cannot be parsed/],
  ["two tagged cells", [["1", "parameters"], ["2", "parameters"]], /more than one cell.*: got 2/],
];

for (const [name, cells, message] of unreadable) {
  Deno.test(`parameters for a notebook with ${name} are refused`, () => {
    assert.throws(
      () => withParameters(notebookOf(...cells), new Map([["a", "1"]]), "a.ipynb"),
      (error: Error) => {
        assert.ok(error instanceof NotebookError || error instanceof OptionError);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}
