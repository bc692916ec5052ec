/** Which changes to a copy of this project's own files make its measurements others. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ProjectCode, projectCode } from "../../lib/experiments/code_identity.ts";
import { compressionCode } from "../../lib/experiments/compression_code.ts";
import { evaluationCode } from "../../lib/experiments/evaluation.ts";
import { type NormalForm, normalForm } from "../../lib/experiments/normal_form.ts";
import { InputError } from "../../lib/util/errors.ts";
import { projectPath } from "../../lib/util/project.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const EVALUATOR = "lib/evaluation/evaluator.ts";
const ONNX = "lib/engines/onnx/engine.ts";
const inProject = (urls: string[]) => urls.map((url) => url.slice(projectCode.root.href.length));

/** The files that measurements name, by what is measured. */
const measured = {
  cpu: [ONNX, ...inProject(evaluationCode([]))],
  gpu: ["lib/engines/webgpu/engine.ts", ...inProject(evaluationCode([]))],
  signs: [ONNX, ...inProject(evaluationCode(["signs"]))],
  aware: [ONNX, ...inProject(compressionCode({ method: "activation-aware" }))],
  distilled: [ONNX, ...inProject(compressionCode({ method: "distilled" }))],
  initial: [ONNX, ...inProject(compressionCode({ method: "initial" }))],
  chosen: [ONNX, ...inProject(compressionCode({ method: "activation-aware+" }))],
  allocated: [ONNX, ...inProject(compressionCode({ method: "bit-allocation" }))],
};
type Measured = keyof typeof measured;
const names = Object.keys(measured) as Measured[];

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

const known = new Map<string, NormalForm>();

/** The normal form of a text, found once for all copies. */
function normal(source: string): NormalForm {
  const form = known.get(source) ?? normalForm(source);
  known.set(source, form);
  return form;
}

/** A copy of the project's code, and what the files of each measurement come to. */
async function copiedProject() {
  const folder = await temporaryFolder();
  await copyFolder(projectPath("lib"), join(folder.path, "lib"));
  await Deno.copyFile(projectPath("deno.json"), join(folder.path, "deno.json"));
  const root = pathToFileURL(`${folder.path}/`);
  const identities = async () => {
    const code = new ProjectCode(root, normal);
    const of = (files: string[]) => code.identity(files.map((file) => new URL(file, root).href));
    const all = names.map(async (name) => [name, await of(measured[name])] as const);
    return Object.fromEntries(await Promise.all(all)) as Record<Measured, string>;
  };
  return {
    identities,
    path: (name: string) => join(folder.path, name),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A change to one file, and which measurements it makes others. */
interface Case {
  readonly what: string;
  readonly file: string;
  /** Of nothing, if the file is not there yet. */
  readonly change: (text: string) => string;
  readonly others: readonly Measured[];
}

/** Replaces text that is there. */
const replace = (from: string | RegExp, to: string) => (text: string) => {
  const changed = text.replaceAll(from, to);
  assert.notEqual(changed, text, String(from));
  return changed;
};

const ALL = names;
const ON_CPU = names.filter((name) => name !== "gpu");

const cases: readonly Case[] = [
  {
    what: "a comment",
    file: EVALUATOR,
    change: (text) => text.replaceAll("\n", " // so\n") + "/* the end */",
    others: [],
  },
  {
    what: "the layout",
    file: "lib/evaluation/windows.ts",
    change: (text) => text.replaceAll("\n", "\n\n  "),
    others: [],
  },
  {
    what: "a local name",
    file: "lib/util/random.ts",
    change: replace(/\bseed\b/g, "origin"),
    others: [],
  },
  {
    what: "a method in the list of all",
    file: "lib/methods/mod.ts",
    change: (text) => `${text}\nimport "./new_method.ts";\nmethods.push(null);`,
    others: [],
  },
  {
    what: "a codec in the list of all",
    file: "lib/codecs/mod.ts",
    change: (text) => `${text}\nimport "./new_codec.ts";\ncodecs.push(null);`,
    others: [],
  },
  {
    what: "a WGSL kernel that nothing uses",
    file: "lib/engines/webgpu/kernels/new_kernel.ts",
    change: () => "export const text = `@compute fn main() {}`;",
    others: [],
  },
  {
    what: "a kernel of rows that are served",
    file: "lib/engines/onnx/team/attention/softmax.ts",
    change: replace("1.4426", "1.4427"),
    others: [],
  },
  {
    what: "a caption",
    file: "lib/studies/activation_aware_bitdelta/captions.ts",
    change: replace(/"/g, "'"),
    others: [],
  },
  {
    what: "a number",
    file: "lib/evaluation/windows.ts",
    change: replace(/\b1\b/g, "2"),
    // Those methods score models, too.
    others: ["cpu", "gpu", "signs", "chosen", "allocated"],
  },
  {
    what: "what a method that compares others keeps aside",
    file: "lib/methods/choose.ts",
    change: replace("aside", "apart"),
    others: ["chosen"],
  },
  {
    what: "an operator",
    file: "lib/model/llama.ts",
    change: replace("add(", "multiply("),
    others: ALL,
  },
  {
    what: "a formula of a method",
    file: "lib/methods/activation_aware.ts",
    change: replace("Math.abs", "Math.sqrt"),
    others: ["aware"],
  },
  {
    what: "a setting's default",
    file: "lib/methods/distilled.ts",
    change: replace("250", "251"),
    others: ["distilled"],
  },
  {
    what: "the start of another method",
    file: "lib/methods/initial.ts",
    change: replace("meanMagnitude", "meanSquare"),
    others: ["distilled", "initial"],
  },
  {
    what: "a formula of a codec",
    file: "lib/codecs/signs.ts",
    change: replace("signMatmul(scaled", "signMatmul(x"),
    // Reading the study's own deltas takes it too.
    others: ALL,
  },
  {
    what: "the version of what makes tokens",
    file: "deno.json",
    change: replace(/(tokenizers@)[\d.]+/g, "$19.9.9"),
    others: ALL,
  },
  {
    what: "a text that names what a graph computes",
    file: "lib/engines/onnx/model.ts",
    change: replace(/"([a-z]+)"/g, '"$1s"'),
    others: ON_CPU,
  },
  {
    what: "a formula of the GPU's",
    file: "lib/engines/webgpu/kernels/column_sums.ts",
    change: replace("+=", "-="),
    others: ["gpu"],
  },
  {
    what: "the version of a package that measures",
    file: "deno.json",
    change: replace(/(onnxruntime-node@)[\d.]+/g, "$19.9.9"),
    others: ON_CPU,
  },
  {
    what: "the version of a package that draws",
    file: "deno.json",
    change: replace(/(plotly[a-z.-]+@)[\d.]+/g, "$19.9.9"),
    others: [],
  },
];

Deno.test("what a change to the code makes another measurement", async (t) => {
  await using project = await copiedProject();
  const before = await project.identities();
  for (const name of names) assert.match(before[name], /^[0-9a-f]{64}$/);
  assert.notEqual(before.cpu, before.gpu);
  for (const { what, file, change, others } of cases) {
    await t.step(`${what}: ${others.join(", ") || "none"}`, async () => {
      const path = project.path(file);
      const kept = await Deno.readTextFile(path).catch(() => null);
      await Deno.writeTextFile(path, change(kept ?? ""));
      try {
        const after = await project.identities();
        const changed = names.filter((each) => after[each] !== before[each]);
        assert.deepEqual(changed, others);
      } finally {
        if (kept === null) await Deno.remove(path);
        else await Deno.writeTextFile(path, kept);
      }
    });
  }
  assert.deepEqual(await project.identities(), before);
});

Deno.test("all of the project in lines of another length measures nothing again", async () => {
  await using project = await copiedProject();
  const before = await project.identities();
  const kept = await Deno.readTextFile(project.path(EVALUATOR));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--line-width", "60", project.path("lib")],
    cwd: project.path("."),
  }).output();
  assert.ok(success);
  assert.notEqual(await Deno.readTextFile(project.path(EVALUATOR)), kept);
  assert.deepEqual(await project.identities(), before);
});

Deno.test("code is the same wherever the project lies", async () => {
  await using project = await copiedProject();
  const urls = measured.cpu.map((file) => new URL(file, projectCode.root).href);
  assert.equal((await project.identities()).cpu, await projectCode.identity(urls.toReversed()));
});

Deno.test("files that import each other are followed once", async () => {
  await using folder = await temporaryFolder();
  const root = pathToFileURL(`${folder.path}/`);
  const write = (name: string, text: string) => Deno.writeTextFile(join(folder.path, name), text);
  await write("deno.json", `{"imports": {"known": "npm:known@1.0.0"}}`);
  await write("a.ts", `import "./b.ts"; import "known/part"; import "node:path";`);
  await write("b.ts", `import "./a.ts"; export const b = 1;`);
  const identity = () => new ProjectCode(root).identity([new URL("a.ts", root).href]);
  const before = await identity();
  await write("b.ts", `import "./a.ts"; export const b = 2;`);
  assert.notEqual(await identity(), before);
  await write("b.ts", `import "./a.ts"; import "unknown";`);
  await assert.rejects(identity(), /'unknown', which 'b.ts' imports, is not known/);
  await Deno.remove(join(folder.path, "b.ts"));
  await assert.rejects(identity(), (error) => {
    assert.ok(error instanceof InputError);
    return error.fault.file === join(folder.path, "b.ts");
  });
});

Deno.test("every file of this project can be followed from its public face", async () => {
  const face = new URL("lib/mod.ts", projectCode.root).href;
  assert.match(await projectCode.identity([face]), /^[0-9a-f]{64}$/);
});
