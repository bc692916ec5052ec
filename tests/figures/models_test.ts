import assert from "node:assert/strict";
import { ReportError } from "../../lib/figures/figure.ts";
import { legendGroups, modelLook, modelSeries, modelsOf } from "../../lib/figures/models.ts";
import { palette } from "../../lib/figures/style.ts";
import type { Method } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";

/** A method that no file of the library knows, while a test runs. */
function withMethod(look: Pick<Method, "look" | "variants">, run: () => void): void {
  const toy: Method = { ...methods[0], settings: {}, name: "toy", ...look };
  methods.push(toy);
  try {
    run();
  } finally {
    methods.splice(methods.indexOf(toy), 1);
  }
}

const toyLook = { hue: "green", marker: "star" } as const;

Deno.test("the models of the study look as they always did", () => {
  const looks: [method: string, variant: string | null, ...look: unknown[]][] = [
    ["base", null, "base", "#5c5c5c", "dot", "x", false],
    ["fine", null, "fine-tune", "#000000", "solid", "diamond", false],
    ["initial", null, "initial", "#b5668f", "dashdot", "triangle-up", false],
    ["distilled", null, "distilled", "#de9723", "dash", "square", true],
    ["distilled", "study-faithful", "distilled, study-faithful", "#de9723", "dash", "square", true],
    ["distilled", "corrected", "distilled, corrected", "#b94701", "solid", "square", false],
    ["activation-aware", null, "activation-aware", "#5698e4", "dash", "circle", true],
    [
      "activation-aware",
      "corrected",
      "activation-aware, corrected",
      "#004e7a",
      "solid",
      "circle",
      false,
    ],
  ];
  for (const [method, variant, label, colour, dash, marker, open] of looks) {
    const look = { label, colour, dash, marker, open };
    assert.deepEqual(modelLook({ method, variant }), look);
  }
});

Deno.test("a legend has a method's variants together, then what has one form, as the list has them", () => {
  const models = [
    ["base", null],
    ["initial", null],
    ["distilled", "corrected"],
    ["distilled", "study-faithful"],
    ["fine", null],
    ["activation-aware", "corrected"],
  ].map(([method, variant]) => ({ method: method!, variant }));
  assert.deepEqual(legendGroups(models), [
    ["activation-aware, corrected"],
    ["distilled, study-faithful", "distilled, corrected"],
    ["fine-tune", "initial", "base"],
  ]);
  methods.reverse();
  try {
    assert.deepEqual(legendGroups(models)[0], [
      "distilled, study-faithful",
      "distilled, corrected",
    ]);
  } finally {
    methods.reverse();
  }
});

Deno.test("a method that is added to the list has its look and its place", () => {
  withMethod({ look: toyLook, variants: {} }, () => {
    const look = modelLook({ method: "toy", variant: null });
    assert.deepEqual([look.label, look.colour, look.marker], ["toy", palette.green.dark, "star"]);
    const rows = ["toy", "base", "initial"].map((method) => ({ method, variant: null }));
    assert.deepEqual(modelsOf(rows).map(({ method }) => method), ["initial", "toy", "base"]);
  });
});

Deno.test("the variants of a method all differ, the first of them dark, solid and full", () => {
  const variants = { a: {}, b: {}, c: {}, d: {}, e: {} };
  withMethod({ look: toyLook, variants }, () => {
    const looks = Object.keys(variants).map((variant) => modelLook({ method: "toy", variant }));
    assert.deepEqual(
      [looks[0].colour, looks[0].dash, looks[0].open],
      [palette.green.dark, "solid", false],
    );
    assert.equal(new Set(looks.map(({ dash }) => dash)).size, 5);
    assert.deepEqual(
      new Set(looks.slice(1).map(({ colour }) => colour)),
      new Set([palette.green.light]),
    );
  });
});

Deno.test("a look of no hue or marker that there is is refused by the method's name", () => {
  for (const part of ["hue", "marker"]) {
    withMethod({ look: { ...toyLook, [part]: "plaid" }, variants: {} }, () => {
      const message = new RegExp(`look of method 'toy'.*is no ${part} of figures: got 'plaid'`);
      assert.throws(() => modelLook({ method: "toy", variant: null }), message);
    });
  }
});

Deno.test("a number that is not finite is refused by its name, where it would be drawn", () => {
  for (const value of [NaN, Infinity]) {
    const row = { pair: "a → b", method: "initial", variant: null, perplexity: value };
    const message = /option 'rows': has a 'perplexity' of 'initial' that cannot be drawn: got/;
    assert.throws(() => modelSeries([row], () => null, "rows"), message);
  }
});

const unknown = [
  {
    method: "toy",
    variant: null,
    message: /option 'method': names no model: got 'toy'; .*base, activation/,
  },
  {
    method: "initial",
    variant: "corrected",
    message: /is no variant of 'initial': got 'corrected'/,
  },
  { method: "distilled", variant: "odd", message: /got 'odd'; expected corrected, study-faithful/ },
  { method: "fine", variant: "corrected", message: /is no variant of 'fine'/ },
];

for (const { message, ...model } of unknown) {
  Deno.test(`a row of '${model.method}', '${model.variant}' is refused, not passed over`, () => {
    const row = { ...model, pair: "a → b" };
    const uses = [
      () => modelLook(model),
      () => modelsOf([model]),
      () => modelSeries([{ ...row, method: "fine", variant: null }, row], () => null, "rows"),
    ];
    for (const use of uses) {
      assert.throws(use, (error) => error instanceof ReportError && message.test(error.message));
    }
  });
}
