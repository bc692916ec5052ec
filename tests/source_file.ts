/**
 * What a file of TypeScript imports, names and touches, from its syntax tree: `Deno.lint` parses it, so a
 * word in a comment is none in the code. Not here: what files may do (`layout_test.ts`).
 */

import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** A file of code, by its path from the root of the repository. */
export interface SourceFile {
  readonly path: string;
  /** Without a line for the line break at its end. */
  readonly lineCount: number;
  /** What it imports, once each, be it for types alone or later: paths from the root, names of packages. */
  readonly imports: readonly string[];
  /** Those of `imports` that are loaded with it. */
  readonly loads: readonly string[];
  /** Its texts, in quotes or template literals, also as types and as names of properties; no places of imports. */
  readonly texts: readonly string[];
  /** Members of globals that it touches: `console.log`, `Deno.exit`. */
  readonly globals: readonly string[];
}

/** All TypeScript files below a folder, sorted by path. */
export function sourceFiles(folder: string): SourceFile[] {
  return paths(folder).sort().map((path) =>
    parseFile(path, Deno.readTextFileSync(join(root, path)))
  );
}

/** Folders and files that lie directly in a folder. */
export function entries(folder: string): string[] {
  return [...Deno.readDirSync(join(root, folder))].map(({ name }) => name);
}

function paths(folder: string): string[] {
  return [...Deno.readDirSync(join(root, folder))].flatMap(({ name, isDirectory }) =>
    isDirectory ? paths(`${folder}/${name}`) : name.endsWith(".ts") ? [`${folder}/${name}`] : []
  );
}

/** What a file of the path says. */
export function parseFile(path: string, source: string): SourceFile {
  const places = new Set<string>();
  const atOnce = new Set<string>();
  const texts: string[] = [];
  const globals = new Set<string>();
  const importing = new Set<Deno.lint.Node>();

  const take = (place: Deno.lint.Node | null | undefined, isLoaded: boolean) => {
    if (place?.type !== "Literal" || typeof place.value !== "string") return;
    importing.add(place);
    places.add(place.value);
    if (isLoaded) atOnce.add(place.value);
  };
  const visitor: Deno.lint.LintVisitor = {
    ImportDeclaration: (node) => take(node.source, node.importKind !== "type"),
    ExportAllDeclaration: (node) => take(node.source, node.exportKind !== "type"),
    ExportNamedDeclaration: (node) => take(node.source, node.exportKind !== "type"),
    ImportExpression: (node) => take(node.source, false),
    TSImportType: ({ argument }) =>
      take(argument.type === "TSLiteralType" ? argument.literal : null, false),
    Literal(node) {
      if (typeof node.value === "string" && !importing.has(node)) texts.push(node.value);
    },
    TemplateElement: (node) => void texts.push(node.cooked),
    MemberExpression({ object, property }) {
      if (object.type !== "Identifier" || property.type !== "Identifier") return;
      if (["console", "Deno"].includes(object.name)) {
        globals.add(`${object.name}.${property.name}`);
      }
    },
  };
  const rules = { look: { create: () => visitor } };
  Deno.lint.runPlugin({ name: "layout", rules }, path, source);

  const named = (place: string) =>
    place.startsWith(".") ? normalize(join(path, "..", place)) : place;
  return {
    path,
    lineCount: source.trimEnd().split("\n").length,
    imports: [...places].map(named),
    loads: [...atOnce].map(named),
    texts,
    globals: [...globals],
  };
}
