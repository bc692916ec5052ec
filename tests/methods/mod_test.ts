import assert from "node:assert/strict";
import type { ClosedForm, Method, Trained } from "../../lib/methods/method.ts";
import { describeMethod, findMethod, methods, resolveMethod } from "../../lib/methods/mod.ts";
import { OptionError } from "../../lib/util/errors.ts";

Deno.test("every method's variants are of its settings, and complete", () => {
  for (const method of methods) {
    for (const variant of [undefined, ...Object.keys(method.variants)]) {
      const { settings } = resolveMethod({ method: method.name, variant });
      assert.deepEqual(Object.keys(settings), Object.keys(method.settings));
    }
    if (method.sweep !== null) assert.ok(method.sweep in method.settings, method.name);
  }
});

Deno.test("names, and hues with markers, tell methods apart", () => {
  const looks = methods.map(({ name, look }) => [name, `${look.hue} ${look.marker}`]);
  for (const place of [0, 1]) {
    assert.equal(new Set(looks.map((each) => each[place])).size, methods.length);
  }
});

Deno.test("given settings stand over the variant's, and those over the defaults", () => {
  const study = { method: "activation-aware", variant: "study-faithful" };
  assert.deepEqual(resolveMethod({ ...study, settings: { centred: false, rows: 7 } }).settings, {
    rows: 7,
    padding: "counted",
    centred: false,
    zero: 0,
  });
  const { variant, settings } = resolveMethod({ method: "activation-aware" });
  assert.equal(variant, "corrected");
  assert.deepEqual(settings, { rows: 256, padding: "left out", centred: false, zero: 1 });
  assert.equal(resolveMethod({ method: "initial" }).variant, null);
});

const refused = {
  "an unknown method": [{ method: "best" }, /option 'method'.*got 'best'; expected .*initial/],
  "an unknown variant": [
    { method: "distilled", variant: "best" },
    /option 'variant'.*got 'best'; expected corrected, study/,
  ],
  "a variant of a method without": [{ method: "initial", variant: "corrected" }, /has one form/],
  "a setting of another method": [
    { method: "distilled", settings: { rows: 3 } },
    /'rows'.*no setting of method 'distilled'/,
  ],
  "a setting out of bounds": [
    { method: "activation-aware", settings: { rows: 0 } },
    /'rows'.*got 0/,
  ],
} as const;

for (const [name, [choice, message]] of Object.entries(refused)) {
  Deno.test(`refused: ${name}`, () => {
    assert.throws(() => resolveMethod(choice), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a description tells what the variant leaves open or has otherwise", () => {
  assert.equal(describeMethod({ method: "initial" }), "initial");
  assert.equal(
    describeMethod({ method: "distilled" }),
    "distilled (corrected, steps 250, batch 4)",
  );
  assert.equal(
    describeMethod({ method: "activation-aware", settings: { zero: 0 } }),
    "activation-aware (corrected, rows 256, zero 0)",
  );
});

Deno.test("a method that is added is found, with a description of its own", () => {
  const toy: ClosedForm<{ size: number }> = {
    ...findMethod("initial") as ClosedForm<Record<never, never>>,
    name: "toy",
    settings: { size: { kind: "number", default: 1.5, minimum: 0, maximum: 2, help: "a size" } },
    variants: { small: { size: 1 }, large: { size: 2 } },
    sweep: "size",
  };
  methods.push(toy);
  try {
    assert.equal(findMethod("toy"), toy);
    assert.equal(describeMethod({ method: "toy", settings: { size: 2 } }), "toy (small, size 2)");
  } finally {
    methods.pop();
  }
  assert.throws(() => findMethod("toy"), OptionError);
});

/** Type-checked and never run: what the compiler must refuse. */
export function incomplete(
  closed: ClosedForm<{ size: number }>,
  trained: Trained<{ size: number }>,
): Method[] {
  const without = <T extends object, K extends keyof T>(from: T, key: K): Omit<T, K> => {
    const { [key]: _, ...rest } = from;
    return rest;
  };
  return [
    closed,
    trained,
    // @ts-expect-error: no name
    without(closed, "name"),
    // @ts-expect-error: no summary
    without(closed, "summary"),
    // @ts-expect-error: no module
    without(closed, "module"),
    // @ts-expect-error: no settings
    without(closed, "settings"),
    // @ts-expect-error: no variants
    without(closed, "variants"),
    // @ts-expect-error: no sweep
    without(closed, "sweep"),
    // @ts-expect-error: no look
    without(closed, "look"),
    // @ts-expect-error: no kind
    without(closed, "kind"),
    // @ts-expect-error: not said what it sees
    without(closed, "sees"),
    // @ts-expect-error: not said of which rows
    without(closed, "rows"),
    // @ts-expect-error: not said what it stores
    without(closed, "form"),
    // @ts-expect-error: nothing that compresses
    without(closed, "compress"),
    // @ts-expect-error: no start
    without(trained, "start"),
    // @ts-expect-error: no batch
    without(trained, "batch"),
    // @ts-expect-error: nothing that trains
    without(trained, "train"),
    {
      ...closed,
      // @ts-expect-error: no terms are stated
      form: () => ({ role: "delta" }),
    },
    {
      ...closed,
      // @ts-expect-error: a hue that the palette lacks
      look: { hue: "beige", marker: "x" },
    },
  ];
}

/** Type-checked and never run: a schema that does not fit its settings, a sweep that is none of them. */
export function misfits(closed: ClosedForm<{ size: number }>): ClosedForm<{ size: number }>[] {
  return [
    // @ts-expect-error: a setting without its schema
    { ...closed, settings: {} },
    // @ts-expect-error: a choice where there is a number
    { ...closed, settings: { size: { kind: "choice", default: 1, values: [1], help: "a size" } } },
    // @ts-expect-error: a variant of another setting
    { ...closed, variants: { small: { length: 1 } } },
    // @ts-expect-error: a sweep of another setting
    { ...closed, sweep: "length" },
  ];
}
