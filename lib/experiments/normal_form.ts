/**
 * A source file in normal form: the same text for two files that differ in types, comments, layout, the
 * order of imports and the names of what is local to them alone. Not a minifier: nobody runs the text. The
 * order of functions counts, though they could stand in any.
 */

import { stripTypeScriptTypes } from "node:module";
import { type ImportDeclaration, type Literal, type Node, parse, type Program } from "acorn";
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

/** Statements whose parts are statements, in braces or not. */
const BRANCHING = /^(If|For|ForIn|ForOf|While|DoWhile)Statement$/;

/** What needs braces around it, for its names to end there. */
const DECLARATION = /Declaration$/;

/**
 * The normal form of a TypeScript file. Imports that are types alone are erased.
 *
 * @throws {SyntaxError} if it is none, or imports what only a run of it could tell.
 */
export function normalForm(source: string): NormalForm {
  const script = stripTypeScriptTypes(source, TRANSFORM);
  const options = { ecmaVersion: "latest", sourceType: "module", ranges: true } as const;
  const program = parse(script, options);
  const tree = new Tree(localNames(program));
  const text = tree.textOf(inOrder(program));
  return { text, imports: [...tree.imports], texts: tree.texts };
}

/** Writes a syntax tree; each local name has a number in the order in which it is met. */
class Tree {
  readonly imports = new Set<string>();
  readonly texts: string[] = [];
  readonly #numbers = new Map<unknown, number>();
  /** Numbers of the private names of the classes around. */
  #privates: ReadonlyMap<string, number> = new Map();

  /** @param declared where each local name is declared, by the places where it stands. */
  constructor(readonly declared: ReadonlyMap<unknown, unknown>) {}

  textOf(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map((each) => this.textOf(each)).join()}]`;
    // JSON has no infinity, which is what too large a number is.
    if (typeof value === "number") return String(value);
    if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "";
    const node = value as Node & Record<string, unknown>;
    if ("source" in node && node.source !== null) this.imports.add(specifier(node.source as Node));
    if (this.declared.has(node)) return `#${this.#numberOf(this.declared.get(node))}`;
    if (node.type === "PrivateIdentifier") {
      return `private #${this.#privates.get(node.name as string)}`;
    }
    if (node.type === "Literal" && typeof node.value === "string") this.texts.push(node.value);
    // What a tag is given of a template is also how it is written.
    if (node.type === "TemplateElement") return JSON.stringify(node.value);
    const around = this.#privates;
    if (node.type === "ClassBody") this.#privates = this.#within(node);
    const text = `{${this.#parts(node).join()}}`;
    this.#privates = around;
    return text;
  }

  #parts(node: Node & Record<string, unknown>): string[] {
    // The value of a regular expression or a whole number of any size stands in other fields too.
    const isPlain = node.type !== "Literal" || !("regex" in node || "bigint" in node);
    return Object.entries(node)
      .filter(([name]) => !INCIDENTAL.has(name) && (isPlain || name !== "value"))
      .map(([name, each]) => {
        if (OUTER.has(name)) return `${name}:${outerName(each as Node | null)}`;
        return `${name}:${this.textOf(BRANCHING.test(node.type) ? withoutBraces(each) : each)}`;
      });
  }

  /** Private names as they hold within a class. */
  #within(body: Node & Record<string, unknown>): ReadonlyMap<string, number> {
    const own = (body.body as { key?: Node & { name?: string } }[])
      .flatMap(({ key }) => key?.type === "PrivateIdentifier" ? key.name! : []);
    const names = [...new Set(own)].map((name) => [name, this.#numberOf({})] as const);
    return new Map([...this.#privates, ...names]);
  }

  #numberOf(name: unknown): number {
    const number = this.#numbers.get(name) ?? this.#numbers.size;
    this.#numbers.set(name, number);
    return number;
  }
}

/** A statement alone in its braces, which the formatter adds or leaves out by the length of a line. */
function withoutBraces(part: unknown): unknown {
  const block = part as { type: string; body: Node[] } | null;
  if (block?.type !== "BlockStatement" || block.body.length !== 1) return part;
  return DECLARATION.test(block.body[0].type) ? part : block.body[0];
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
 * The program with its imports first, by file and name: all are there before any statement runs. Imports
 * without names are for what their files do, and keep their order.
 */
function inOrder(program: Program): Node[] {
  const isNamed = (statement: Node): statement is ImportDeclaration =>
    statement.type === "ImportDeclaration" &&
    (statement as ImportDeclaration).specifiers.length > 0;
  const imports = program.body.filter(isNamed).flatMap(({ specifiers, ...declaration }) =>
    specifiers.map((each) => {
      const name = "imported" in each ? outerName(each.imported) : each.type;
      const rank = JSON.stringify([declaration.source.value, name]);
      return { rank, node: { ...declaration, specifiers: [each] } };
    })
  );
  imports.sort((a, b) => a.rank < b.rank ? -1 : Number(a.rank > b.rank));
  return [...imports.map(({ node }) => node), ...program.body.filter((each) => !isNamed(each))];
}

/**
 * Where each local name is declared, by the places where it stands. Names that are exported where they are
 * declared are not local.
 */
function localNames(program: Program): Map<unknown, unknown> {
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
  const names = new Map<unknown, unknown>();
  for (const { identifiers, references } of variables) {
    // A class is known within and around it by names of one declaration.
    const [declaration] = identifiers;
    for (const each of identifiers) names.set(each, declaration);
    for (const { identifier } of references) names.set(identifier, declaration);
  }
  return names;
}
