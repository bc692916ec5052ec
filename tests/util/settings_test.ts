import assert from "node:assert/strict";
import { OptionError } from "../../lib/util/errors.ts";
import {
  type AnySetting,
  completeSettings,
  describeSetting,
  type Schema,
  type Settings,
} from "../../lib/util/settings.ts";

type Toy = {
  readonly count: number;
  readonly share: number;
  readonly kind: "a" | "b";
  readonly on: boolean;
};

const schema: Schema<Toy> = {
  count: { kind: "whole number", default: 3, minimum: 1, maximum: 9, help: "how many" },
  share: { kind: "number", default: 0.5, minimum: 0, maximum: 1, help: "how much" },
  kind: { kind: "choice", default: "a", values: ["a", "b"], help: "of which kind" },
  on: { kind: "choice", default: false, values: [true, false], help: "whether it is on" },
};

const complete = (given: Record<string, unknown>) => completeSettings(schema, given, "a toy");

Deno.test("settings that are not given, or undefined, have their defaults, in the schema's order", () => {
  const settings = complete({ on: true, share: undefined });
  assert.deepEqual(Object.entries(settings), [
    ["count", 3],
    ["share", 0.5],
    ["kind", "a"],
    ["on", true],
  ]);
});

Deno.test("bounds are inside", () => {
  for (const given of [{ count: 1 }, { count: 9 }, { share: 0 }, { share: 1 }]) complete(given);
});

const refused = {
  "a number below": [
    { count: 0 },
    /'count': does not fit a toy: got 0; .* whole number from 1 to 9/,
  ],
  "a number above": [{ share: 1.01 }, /'share'.*got 1.01; expected a number from 0 to 1/],
  "no whole number": [{ count: 2.5 }, /'count'.*got 2.5/],
  "no number": [{ count: NaN }, /'count'.*got NaN/],
  "a number as text": [{ count: "3" }, /'count'.*got '3'/],
  "none of the choices": [{ kind: "c" }, /'kind'.*got 'c'; expected a, b/],
  "a choice of another type": [{ on: "true" }, /'on'.*got 'true'; expected true, false/],
  "null": [{ on: null }, /'on'.*got null/],
  "a strange name": [{ size: 1 }, /'size': is no setting of a toy: .* count, share, kind, on/],
  "a name that every object has": [{ toString: 1 }, /'toString': is no setting/],
} as const;

for (const [name, [given, message]] of Object.entries(refused)) {
  Deno.test(`refused: ${name}`, () => {
    assert.throws(() => complete(given), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("without settings the error says so", () => {
  const nothing = () => completeSettings({}, { size: 1 }, "a toy");
  assert.throws(nothing, /expected none: it has no settings/);
});

Deno.test("a schema of known settings is one of any, for those who know none of them", () => {
  const any: Schema<Settings> = schema;
  const all: AnySetting[] = Object.values(any);
  assert.deepEqual(all.map(describeSetting), [
    "a whole number from 1 to 9",
    "a number from 0 to 1",
    "a, b",
    "true, false",
  ]);
});
