import assert from "node:assert/strict";
import { normalForm } from "../../lib/experiments/normal_form.ts";

const source = `
import { a as first, type T } from "./a.ts";
import type { U } from "./types.ts";
export const LIMIT = 3;
export function twice(value: T): number {
  const { x, y: depth } = first(value);
  return 2 * x.length + depth.rows;
}
class Counter {
  #count = 0;
  more(by: number): U { return (this.#count += by) as unknown as U; }
}
export { Counter as Counts };
export default (...rest: number[]) => rest.filter((each) => each > LIMIT && /a+/.test("a"));
`;

/** The source with some of its text replaced. */
function changed(...replacements: [from: string | RegExp, to: string][]): string {
  return replacements.reduce((text, [from, to]) => {
    const next = text.replaceAll(from, to);
    assert.notEqual(next, text, String(from));
    return next;
  }, source);
}

const same: Record<string, string> = {
  "a comment": changed(["export function", "/** Doubles. */ // so\nexport function"]),
  layout: changed([/\n/g, "\n\n   "], [/;/g, " ; "]),
  "a trailing comma": changed(["first(value)", "first(\n  value,\n)"]),
  "another way to write a text": changed([`"a"`, `'a'`]),
  types: changed(["value: T", "value: unknown"], ["type T", "type S"], ["by: number", "by: 1 | 2"]),
  "an import of a type": changed(["./types.ts", "./others.ts"]),
  "a local name of an import": changed(["a as first", "a as head"], ["first(", "head("]),
  "an import that needs no other name": changed(["a as first", "a"], ["first(", "a("]),
  "a parameter": changed([/\bvalue\b/g, "given"]),
  "a name taken out of an object": changed(["{ x,", "{ x: width,"], ["x.length", "width.length"]),
  "another name taken out of an object": changed(["y: depth", "y"], ["depth.rows", "y.rows"]),
  "a local class": changed(["class Counter", "class Tally"], ["Counter as", "Tally as"]),
  "a private name": changed([/#count/g, "#sum"]),
  "an arrow's parameters": changed([/\brest\b/g, "all"], [/\beach\b/g, "one"]),
};

for (const [what, other] of Object.entries(same)) {
  Deno.test(`normal form: ${what} makes no difference`, () => {
    assert.deepEqual(normalForm(other).imports, normalForm(source).imports);
    assert.ok(normalForm(other).text === normalForm(source).text);
  });
}

const different: Record<string, string> = {
  "a number": changed(["= 3", "= 4"]),
  "an operator": changed(["2 * x", "2 + x"]),
  "an assignment": changed(["+= by", "-= by"]),
  "a text": changed([`"a"`, `"b"`]),
  "a pattern": changed(["/a+/", "/a*/"]),
  "a pattern's flag": changed(["/a+/", "/a+/i"]),
  "the name of a property": changed(["x.length", "x.size"]),
  "the name of a method": changed(["more(", "less("]),
  "which property is taken out": changed(["{ x,", "{ z: x,"]),
  "what is imported": changed(["a as first", "b as first"]),
  "from where": changed(["./a.ts", "./b.ts"]),
  "the name of an export": changed(["LIMIT", "BOUND"]),
  "the name of a function that is exported": changed(["twice", "double"]),
  "a name under which something is exported": changed(["as Counts", "as Counters"]),
  "which of two locals is meant": changed(["depth.rows", "x.rows"]),
  "a global": changed(["first(value)", "structuredClone(value)"]),
  "order": changed(["2 * x.length + depth.rows", "depth.rows + 2 * x.length"]),
  "a private field made another": changed(["this.#count += by", "this.count += by"]),
};

for (const [what, other] of Object.entries(different)) {
  Deno.test(`normal form: ${what} makes a difference`, () => {
    assert.notEqual(normalForm(other).text, normalForm(source).text);
  });
}

Deno.test("a local name within another's reach is told from one that hides it", () => {
  const form = (inner: string) =>
    normalForm(`const a = 1; export const f = (${inner}: number) => a + ${inner};`).text;
  assert.equal(form("b"), form("c"));
  assert.notEqual(form("a"), form("b"));
});

Deno.test("imports are those that a run needs, static, dynamic and passed on", () => {
  const { imports } = normalForm(`
    import { type A, b } from "./b.ts";
    import { c } from "./c.ts";
    import type { D } from "./d.ts";
    export * from "./e.ts";
    export { f } from "./f.ts";
    export type { G } from "./g.ts";
    import "./h.ts";
    const i = await import("./i.ts");
    export const x: A | D = b(i) as typeof c;
  `);
  assert.deepEqual(imports.toSorted(), ["./b.ts", "./e.ts", "./f.ts", "./h.ts", "./i.ts"]);
});

Deno.test("an import that only a run could tell is refused", () => {
  assert.throws(() => normalForm("await import(name)"), /cannot be followed/);
});

/** Two texts of a file that are the same program, or that are not. */
const pairs: { what: string; one: string; other: string; isSame: boolean }[] = [
  {
    what: "braces around one statement",
    one: `for (const a of b) if (a) c(a); else d(a);`,
    other: `for (const a of b) { if (a) { c(a); } else { d(a); } }`,
    isSame: true,
  },
  {
    what: "which of two conditions an alternative belongs to",
    one: `if (a) { if (b) c(); } else d();`,
    other: `if (a) { if (b) c(); else d(); }`,
    isSame: false,
  },
  {
    what: "the order of imports",
    one: `import { a, b } from "a"; import c, * as d from "c"; export default [a, b, c, d];`,
    other: `import * as d from "c"; import { b } from "a"; import c from "c"; import { a as e }` +
      ` from "a"; export default [e, b, c, d];`,
    isSame: true,
  },
  {
    what: "the order of files that are imported for what they do",
    one: `import "a"; import "b";`,
    other: `import "b"; import "a";`,
    isSame: false,
  },
  {
    what: "a private name that another class has too",
    one: `class A { #a = 1; #b = 2 } class B { #a = 3; f() { return this.#a; } }`,
    other: `class A { #a = 1; #b = 2 } class B { #c = 3; f() { return this.#c; } }`,
    isSame: true,
  },
  {
    what: "a private name of the class around",
    one: `class A { #a; f() { return class { #b; g(o) { return o.#a; } }; } }`,
    other: `class A { #a; f() { return class { #b; g(o) { return o.#b; } }; } }`,
    isSame: false,
  },
  {
    what: "which of two classes is meant",
    one: `class A {} class B {} export default new A();`,
    other: `class A {} class B {} export default new B();`,
    isSame: false,
  },
  {
    what: "how a template is written, which its tag is given",
    one: "export default String.raw`\\n`;",
    other: "export default String.raw`\n`;",
    isSame: false,
  },
  {
    what: "a number that is too large and none",
    one: `export default 1e999;`,
    other: `export default null;`,
    isSame: false,
  },
];

for (const { what, one, other, isSame } of pairs) {
  Deno.test(`normal form: ${what} ${isSame ? "makes no" : "makes a"} difference`, () => {
    assert.equal(normalForm(one).text === normalForm(other).text, isSame);
  });
}
