/**
 * How the house is built: imports run one way and in no circle, methods and codecs are named in few places,
 * `lib/` neither prints nor ends a program, and a file is one idea of readable length.
 */

import assert from "node:assert/strict";
import { codecs } from "../lib/codecs/mod.ts";
import { methods } from "../lib/methods/mod.ts";
import { entries, parseFile, type SourceFile, sourceFiles } from "./source_file.ts";

/** The rooms of `lib/`: a file may import from its own room and from those before it. */
const ROOMS = [
  ...["util", "checkpoint", "graph", "engines", "codecs", "delta", "model", "texts", "evaluation"],
  ...["training", "methods", "analysis", "experiments", "figures", "tables", "studies"],
  ...["server", "display", "notebooks", "mod.ts"],
];

/** Methods and codecs, each named in a file of its own. */
const NAMES = [...methods, ...codecs].map(({ name }) => name);

/** Packages that take long to load, or that a program can do without: loaded where they are used. */
const HEAVY = [
  ...[
    "@huggingface/hub",
    "@resvg/resvg-js",
    "culori",
    "fontkit",
    "happy-dom",
    "nodejs-polars",
    "onnxruntime-node",
  ],
  ...[
    "pdfkit",
    "prom-client",
    "plotly.js-basic-dist-min",
    "subset-font",
    "svg-to-pdfkit",
    "zeromq",
  ],
];

/** What a file does that others may not, and why it may. */
const MAY: Readonly<Record<string, string>> = {
  "lib/display/interrupt.ts: console.error":
    "runs in a kernel, where a cell's output is the screen",
  "lib/display/screen.ts: console.log": "the screen of notebooks",
  "lib/display/screen.ts: Deno.stderr": "the screen of programs",
  "lib/notebooks/kernel_guard.ts: Deno.stdout": "is a program, which a kernel is started by",
};

const lib = sourceFiles("lib");
const scripts = sourceFiles("scripts");

/** `path: what` for each of what a file does. */
function doings(files: readonly SourceFile[], what: (file: SourceFile) => readonly string[]) {
  return files.flatMap((file) => what(file).map((each) => `${file.path}: ${each}`));
}

const isProject = (place: string) => place.endsWith(".ts");
const level = (path: string) => ROOMS.indexOf(path.split("/")[1]);

/** Imports from later rooms, and of the project's files outside `lib/`. */
function upward(files: readonly SourceFile[]): string[] {
  return doings(
    files,
    ({ path, imports }) =>
      imports.filter(isProject).filter((each) =>
        !each.startsWith("lib/") || level(each) > level(path)
      ),
  );
}

/** All that is reached from a file by what `next` gives for each. */
function reached(from: string, next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const waiting = [...next.get(from) ?? []];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    waiting.push(...next.get(path) ?? []);
  }
  return found;
}

/** The files of each circle of imports: those that reach each other. */
function circles(files: readonly SourceFile[]): string[] {
  const next = new Map(files.map(({ path, imports }) => [path, imports]));
  const from = new Map(files.map(({ path }) => [path, reached(path, next)]));
  const reaches = (path: string, other: string) => from.get(path)?.has(other) ?? false;
  const found = files.filter(({ path }) => reaches(path, path)).map(({ path }) =>
    files.map((file) => file.path).filter((other) => reaches(path, other) && reaches(other, path))
  );
  return [...new Set(found.map((circle) => circle.join(" ↔ ")))];
}

/** Names of methods and codecs outside the two lists' folders, where each stands in its own file, and studies. */
function strayNames(files: readonly SourceFile[]): string[] {
  return doings(files, ({ path, texts }) => {
    const own = path.match(/^lib\/(?:methods|codecs)\/(\w+)\.ts$/)?.[1];
    if (path.startsWith("lib/studies/") || own === "mod") return [];
    return NAMES.filter((name) =>
      own !== name.replaceAll("-", "_").replace("+", "_plus") && texts.includes(name)
    );
  });
}

Deno.test("every room has its place in the order, and there are 20 at most", () => {
  assert.deepEqual(entries("lib").toSorted(), ROOMS.toSorted());
  assert.ok(ROOMS.length <= 20);
});

Deno.test("imports run one way through the rooms of lib", () => {
  assert.deepEqual(upward(lib), []);
});

Deno.test("imports run in no circle", () => {
  assert.deepEqual(circles([...lib, ...scripts]), []);
});

Deno.test("every file of lib belongs to the public face or to a script", () => {
  const next = new Map([...lib, ...scripts].map(({ path, imports }) => [path, imports]));
  const workers = ["lib/util/pool_worker.ts", "lib/engines/onnx/team/worker.ts"];
  const used = new Set(["lib/mod.ts", "lib/notebooks/kernel_guard.ts", ...workers]);
  for (const from of [...used, ...scripts.map(({ path }) => path)]) {
    for (const path of reached(from, next)) used.add(path);
  }
  assert.deepEqual(lib.map(({ path }) => path).filter((path) => !used.has(path)), []);
});

Deno.test("scripts know nothing of lib but its public face", () => {
  const behind = doings(
    scripts,
    ({ imports }) => imports.filter((place) => place.startsWith("lib/") && place !== "lib/mod.ts"),
  );
  assert.deepEqual([...new Set(behind.map((each) => each.split(":")[0]))], []);
});

Deno.test("the public face loads no heavy package", () => {
  const next = new Map(lib.map(({ path, loads }) => [path, loads]));
  const loaded = new Set(["lib/mod.ts", ...reached("lib/mod.ts", next)]);
  const files = lib.filter(({ path }) => loaded.has(path));
  assert.deepEqual(doings(files, ({ loads }) => loads.filter((each) => HEAVY.includes(each))), []);
});

Deno.test("methods and codecs are named in their own files, the lists and the studies alone", () => {
  assert.deepEqual(strayNames([...lib, ...scripts]), []);
});

Deno.test("lib prints nothing and ends no program", () => {
  const isTalk = (each: string) => /^console\.|^Deno\.(exit|exitCode|stdout|stderr)$/.test(each);
  assert.deepEqual(
    doings(lib, ({ globals }) => globals.filter(isTalk)).toSorted(),
    Object.keys(MAY).toSorted(),
  );
});

Deno.test("no file of lib is above 300 lines, and half of them are near 100", () => {
  const counts = lib.map(({ lineCount }) => lineCount).sort((a, b) => a - b);
  assert.deepEqual(lib.filter(({ lineCount }) => lineCount > 300).map(({ path }) => path), []);
  const median = counts[counts.length >> 1];
  assert.ok(median >= 70 && median <= 140, `the median is ${median}`);
});

Deno.test("a file's imports, texts and globals are found, and nothing in comments", () => {
  const source = `// import "./no.ts"; console.log("no")
import type { A } from "./a.ts";
import { b } from "../b.ts";
export * from "package";
export { c } from "./c.ts";
type D = typeof import("./d.ts");
const e = await import("./e.ts");
const f: "quoted" | A = { "key": \`made \${b} up\` };
if (e) Deno.exit(console.log(f));
`;
  assert.deepEqual(parseFile("lib/room/x.ts", source), {
    path: "lib/room/x.ts",
    lineCount: 9,
    imports: [
      "lib/room/a.ts",
      "lib/b.ts",
      "package",
      "lib/room/c.ts",
      "lib/room/d.ts",
      "lib/room/e.ts",
    ],
    loads: ["lib/b.ts", "package", "lib/room/c.ts"],
    texts: ["quoted", "key", "made ", " up"],
    globals: ["Deno.exit", "console.log"],
  });
});

Deno.test("what runs upward, in a circle, or says a stray name is found", () => {
  const files = [
    parseFile(
      "lib/util/a.ts",
      'import type { B } from "../graph/b.ts";\nimport "../../tests/c.ts";',
    ),
    parseFile("lib/graph/b.ts", 'import "../util/a.ts";\nexport const name = "distilled";'),
    parseFile(
      "lib/methods/distilled.ts",
      'import "../util/a.ts";\nexport const name = "distilled";',
    ),
  ];
  assert.deepEqual(upward(files), ["lib/util/a.ts: lib/graph/b.ts", "lib/util/a.ts: tests/c.ts"]);
  assert.deepEqual(circles(files), ["lib/util/a.ts ↔ lib/graph/b.ts"]);
  assert.deepEqual(strayNames(files), ["lib/graph/b.ts: distilled"]);
});
