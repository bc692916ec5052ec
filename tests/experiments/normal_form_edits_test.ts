/** The normal form of this project's own files, each edited at places drawn by chance. */

import assert from "node:assert/strict";
import { stripTypeScriptTypes } from "node:module";
import { type Node, parse } from "acorn";
import { analyze, type Reference, type Scope, type Variable } from "eslint-scope";
import { normalForm } from "../../lib/experiments/normal_form.ts";
import { projectPath } from "../../lib/util/project.ts";
import { SeededRandom } from "../../lib/util/random.ts";

/** As Deno knows it, though Node's types do not. */
const TRANSFORM: object = { mode: "transform" };

/** Text put in the place of some of a file's. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Place extends Node {
  readonly name: string;
}

type Fields = Node & Record<string, unknown>;

const placeOf = (identifier: unknown) => identifier as Place;

function edited(script: string, edits: readonly Edit[]): string {
  return edits.toSorted((a, b) => b.start - a.start).reduce(
    (text, { start, end, text: put }) => text.slice(0, start) + put + text.slice(end),
    script,
  );
}

function* nodes(value: unknown): Generator<Fields> {
  if (value === null || typeof value !== "object") return;
  if ("type" in value) yield value as Fields;
  for (const each of Object.values(value)) yield* nodes(each);
}

/** One file as a script, with what can be done to it. */
function editsOf(script: string): { toOthers: Edit[]; renames: Edit[][] } {
  const tree = parse(script, { ecmaVersion: "latest", sourceType: "module", ranges: true });
  const { scopes } = analyze(tree as Parameters<typeof analyze>[0], {
    ecmaVersion: 2022,
    sourceType: "module",
  });
  const all = [...nodes(tree)];
  const toOthers = [
    ...all.flatMap((node) => changesOf(node, script)),
    ...scopes.flatMap(({ references }) => references).flatMap(otherNames),
  ];
  return { toOthers, renames: renamesOf(scopes, all) };
}

/** Other numbers, operators, truths and orders of arguments. */
function changesOf(node: Fields, script: string): Edit[] {
  const { start, end, type, value, operator } = node;
  const source = (each: Node) => script.slice(each.start, each.end);
  if (type === "Literal" && typeof value === "number") {
    return [{ start, end, text: `${value + 1}` }];
  }
  if (type === "Literal" && typeof value === "boolean") return [{ start, end, text: `${!value}` }];
  if (type === "BinaryExpression") {
    const [left, right] = [node.left as Node, node.right as Node];
    const other = operator === "<" ? "<=" : "<";
    return [{ start, end, text: `${source(left)} ${other} ${source(right)}` }];
  }
  if (type !== "CallExpression") return [];
  const [first, second] = node.arguments as Node[];
  if (second === undefined || source(first) === source(second)) return [];
  const text = `${source(second)}, ${source(first)}`;
  return [{ start: first.start, end: second.end, text }];
}

/** Names within reach that mean something else than the one that stands there. */
function otherNames({ identifier, resolved, from, init }: Reference): Edit[] {
  // A declaration that sets its name would be one of another.
  if (!resolved || init) return [];
  const { start, end, name } = placeOf(identifier);
  const within = new Set<string>();
  for (let scope: Scope | null = from; scope !== null; scope = scope.upper) {
    for (const { name, defs } of scope.variables) if (defs.length > 0) within.add(name);
  }
  return [...within].filter((each) => each !== name).map((text) => ({ start, end, text }));
}

/** Each local name by another that is nowhere else. */
function renamesOf(scopes: readonly Scope[], all: readonly Fields[]): Edit[][] {
  const exported = new Set<number>();
  const shorthands = new Map<number, (name: string, fresh: string) => string>();
  for (const node of all) {
    const { type } = node;
    if (type === "ExportNamedDeclaration" && node.declaration) {
      const { id, declarations } = node.declaration as Fields;
      const names = id ? [id] : (declarations as Fields[]).map(({ id }) => id);
      for (const each of nodes(names)) exported.add(each.start);
    }
    if (type === "Property" && node.shorthand) {
      shorthands.set(node.start, (name, fresh) => `${name}: ${fresh}`);
    }
    if (type === "ImportSpecifier" && placeOf(node.imported).start === placeOf(node.local).start) {
      shorthands.set(node.start, (name, fresh) => `${name} as ${fresh}`);
    }
    if (type === "ExportSpecifier" && placeOf(node.exported).start === placeOf(node.local).start) {
      shorthands.set(node.start, (name, fresh) => `${fresh} as ${name}`);
    }
  }
  const variables = scopes.flatMap(({ variables }) => variables).filter(({ identifiers }) =>
    identifiers.length > 0 && !identifiers.some((each) => exported.has(placeOf(each).start))
  );
  // A class is one name, though it stands for itself within and without.
  const groups: Variable[][] = [
    ...Map.groupBy(variables, ({ identifiers }) => identifiers[0]).values(),
  ];
  return groups.map((group) => {
    const places = group.flatMap(({ identifiers, references }) =>
      [...identifiers, ...references.map(({ identifier }) => identifier)].map(placeOf)
    );
    return [...new Map(places.map((each) => [each.start, each])).values()].map((
      { start, end, name },
    ) => ({ start, end, text: shorthands.get(start)?.(name, `$${name}`) ?? `$${name}` }));
  });
}

async function* filesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* filesOf(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

const EACH = 3;

for (const folder of ["checkpoint", "codecs", "evaluation", "experiments", "methods", "training"]) {
  Deno.test(`edits of ${folder}: another name changes nothing, another meaning does`, async () => {
    const files = (await Array.fromAsync(filesOf(projectPath(`lib/${folder}`)))).sort();
    const random = new SeededRandom(1);
    let count = 0;
    for (const file of files) {
      const script = stripTypeScriptTypes(await Deno.readTextFile(file), TRANSFORM);
      const { text } = normalForm(script);
      const { toOthers, renames } = editsOf(script);
      for (const edits of random.shuffle(renames).slice(0, EACH)) {
        const other = edited(script, edits);
        assert.ok(other !== script && normalForm(other).text === text, `${file}: ${edits[0].text}`);
        count++;
      }
      for (const edit of random.shuffle(toOthers).slice(0, EACH)) {
        const other = edited(script, [edit]);
        const what = `${file}: ${script.slice(edit.start, edit.end)} → ${edit.text}`;
        assert.notEqual(normalForm(other).text, text, what);
        count++;
      }
    }
    assert.ok(count > 2 * files.length, `${count} edits`);
  });
}
