/**
 * A source file in normal form: the same text for two files that differ in types, comments, layout and
 * the names of what is local to them alone. Not a minifier: nobody runs the text.
 */

import { stripTypeScriptTypes } from "node:module";
import { type Literal, type Node, parse, type Program } from "acorn";
import { analyze } from "eslint-scope";

/** A file's normal form, and what it imports. */
export interface NormalForm {
  /** The syntax tree as text, local names replaced by numbers. */
  readonly text: string;
  /** Specifiers of static imports and of dynamic ones, as they are written. */
  readonly imports: readonly string[];
  /** Texts that are written out in it, such as the names of packages that it loads by `createRequire`. */
  readonly texts: readonly string[];
}

/** Parameters that are properties become assignments: Deno knows how, though Node's types do not. */
const TRANSFORM: object = { mode: "transform" };

/** Places in the file, and other fields of a node that follow from the rest of it. */
const INCIDENTAL = new Set(["start", "end", "range", "raw", "shorthand"]);

/** Names in another file; where no local one is given beside them they stand for both in the tree. */
const OUTER = new Set(["imported", "exported"]);

/**
 * The normal form of a TypeScript file. Imports that are types alone are erased.
 *
 * @throws {SyntaxError} if it is none, or imports what only a run of it could tell.
 */
export function normalForm(source: string): NormalForm {
  const script = stripTypeScriptTypes(source, TRANSFORM);
  const options = { ecmaVersion: "latest", sourceType: "module", ranges: true } as const;
  const program = parse(script, options);
  const numbers = localNames(program);
  const privates = new Map<string, number>();
  const imports: string[] = [];
  const texts: string[] = [];

  function textOf(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "";
    const node = value as Node & Record<string, unknown>;
    if ("source" in node && node.source !== null) imports.push(specifier(node.source as Node));
    if (node.type === "Identifier" && numbers.has(node)) return `#${numbers.get(node)}`;
    if (node.type === "PrivateIdentifier") {
      const name = node.name as string;
      if (!privates.has(name)) privates.set(name, privates.size);
      return `private #${privates.get(name)}`;
    }
    if (node.type === "Literal" && typeof node.value === "string") texts.push(node.value);
    // The value of a regular expression or a whole number of any size stands in other fields too.
    const isPlain = node.type !== "Literal" || !("regex" in node || "bigint" in node);
    const fields = Object.entries(node).filter(([name]) =>
      !INCIDENTAL.has(name) && (isPlain || name !== "value")
    );
    const parts = fields.map(([name, each]) =>
      `${name}:${OUTER.has(name) ? outerName(each as Node | null) : textOf(each)}`
    );
    return `{${parts.join()}}`;
  }

  return { text: textOf(program), imports, texts };
}

/** An identifier's name or, as the standard allows, a text. */
function outerName(node: Node | null): string {
  if (node === null) return "";
  return JSON.stringify("name" in node ? node.name : (node as Literal).value);
}

function specifier(source: Node): string {
  if (source.type === "Literal" && "value" in source) return String(source.value);
  throw new SyntaxError("an import whose name is not written out cannot be followed");
}

/**
 * The places where local names stand, each name with a number of its own in the order of declarations.
 * Names that are exported where they are declared are not local.
 */
function localNames(program: Program): Map<unknown, number> {
  const exported = new Set<unknown>();
  for (const statement of program.body) {
    if (statement.type !== "ExportNamedDeclaration" || !statement.declaration) continue;
    const { declaration } = statement;
    const isList = declaration.type === "VariableDeclaration";
    for (const each of isList ? declaration.declarations : [declaration]) exported.add(each);
  }
  // Acorn's tree is the one of the standard that both keep to; their declarations of it differ.
  const scopes = analyze(program as Parameters<typeof analyze>[0], {
    ecmaVersion: 2022,
    sourceType: "module",
  }).scopes;
  const variables = scopes.flatMap(({ variables }) => variables)
    .filter(({ defs }) =>
      defs.length > 0 &&
      !defs.some(({ type, node }) => type !== "Parameter" && exported.has(node))
    );
  const numbers = new Map<unknown, number>();
  for (const [number, { identifiers, references }] of variables.entries()) {
    for (const each of identifiers) numbers.set(each, number);
    for (const { identifier } of references) numbers.set(identifier, number);
  }
  return numbers;
}
