/**
 * The examples in the doc comments of `lib/mod.ts` and of all that it exports, as one module of one
 * function an example. What their types say `deno task check` looks at.
 */

import assert from "node:assert/strict";

/** The package's own name, by which an example imports from it. */
const PACKAGE = "@bitdelta/workspace";

/** A function or class of the public face, or a group of it. */
export interface Documented {
  /** Its name; of the module's own comment the heading above. */
  readonly name: string;
  /** Whether it must have an example. */
  readonly needed: boolean;
  /** Bodies of its TypeScript blocks. */
  readonly examples: readonly string[];
}

interface DocComment {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
}

interface Declaration {
  readonly kind: string;
  readonly jsDoc?: DocComment;
  readonly def?: {
    readonly extends?: string;
    readonly methods?: readonly { readonly jsDoc?: DocComment }[];
  };
}

interface DocumentedModule {
  readonly module_doc?: DocComment;
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly Declaration[];
  }[];
}

/** What a module exports, with its examples. */
export async function documented(module: string): Promise<Documented[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--quiet", "--json", module],
    stderr: "null",
  }).output();
  assert.ok(success, `deno doc ${module}`);
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, DocumentedModule>;
  };
  return Object.values(nodes).flatMap(({ module_doc, symbols }) => [
    ...(module_doc?.doc ?? "").split(/^## /m).slice(1).map((group) => ({
      name: group.slice(0, group.indexOf("\n")),
      needed: true,
      examples: blocks(group),
    })),
    ...symbols.map(({ name, declarations }) => ({
      name,
      needed: declarations.some(isNeeded),
      examples: declarations.flatMap(({ jsDoc, def }) =>
        [jsDoc, ...(def?.methods ?? []).map((method) => method.jsDoc)].flatMap(textsOf)
      ).flatMap(blocks),
    })),
  ]);
}

/** The module of all examples; it exports `examples`, each with its name. */
export function examplesModule(documented: readonly Documented[], mod: string): string {
  const imports = new Map<string, Set<string>>();
  const bodies = documented.flatMap(({ name, examples }) =>
    examples.map((example, index) => {
      const body = example.replace(IMPORT, (_, names: string, specifier: string) => {
        const from = specifier === PACKAGE ? mod : specifier;
        imports.set(from, (imports.get(from) ?? new Set()).add(names.replaceAll(/\s+/g, " ")));
        return "";
      });
      const number = examples.length > 1 ? ` (${index + 1})` : "";
      return `  [${JSON.stringify(name + number)}, async () => {\n${body}\n  }],`;
    })
  );
  const lines = [...imports].flatMap(([specifier, clauses]) =>
    merged([...clauses]).map((clause) => `import ${clause} from ${JSON.stringify(specifier)};`)
  );
  return [...lines, "export const examples = [", ...bodies, "];", ""].join("\n");
}

/** An import as `deno fmt` writes it; in an example no other text begins a line with this word. */
const IMPORT = /^import ([^"]+) from "([^"]+)";\n/gm;

/** Default imports as they are, names in braces as one list. */
function merged(clauses: readonly string[]): string[] {
  const lists = clauses.filter((clause) => clause.startsWith("{"));
  const names = new Set(
    lists.flatMap((list) => list.slice(1, -1).split(",")).map((name) => name.trim()).filter(
      Boolean,
    ),
  );
  const others = clauses.filter((clause) => !clause.startsWith("{"));
  return names.size > 0 ? [...others, `{ ${[...names].join(", ")} }`] : others;
}

/** Functions and classes need an example; one class that extends another is explained by that one's. */
function isNeeded({ kind, def }: Declaration): boolean {
  return kind === "function" || (kind === "class" && def?.extends === undefined);
}

function textsOf(comment: DocComment | undefined): string[] {
  return [comment?.doc ?? "", ...(comment?.tags ?? []).map((tag) => tag.doc ?? "")];
}

function blocks(text: string): string[] {
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => block);
}
