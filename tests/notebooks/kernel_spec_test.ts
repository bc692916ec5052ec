/** The kernel's spec where Jupyter looks for it, and the scripts that put it there. */

import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { keptProgram, userDataFolder, writeKernelSpec } from "../../lib/notebooks/kernel_spec.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const places: [os: typeof Deno.build.os, variables: Record<string, string>, folder: string[]][] = [
  ["linux", { HOME: "home" }, ["home", ".local", "share", "jupyter"]],
  ["linux", { HOME: "home", XDG_DATA_HOME: "data" }, ["data", "jupyter"]],
  ["darwin", { HOME: "home", XDG_DATA_HOME: "data" }, ["home", "Library", "Jupyter"]],
  ["windows", { APPDATA: "data" }, ["data", "jupyter"]],
  ["linux", { HOME: "home", JUPYTER_DATA_DIR: "chosen" }, ["chosen"]],
  ["windows", { APPDATA: "data", JUPYTER_DATA_DIR: "chosen" }, ["chosen"]],
];

for (const [os, variables, folder] of places) {
  Deno.test(`Jupyter's data on ${os} with ${Object.keys(variables).join(", ")}`, () => {
    assert.equal(userDataFolder((name) => variables[name], os), join(...folder));
  });
}

Deno.test("the spec starts this Deno's kernel", async () => {
  const data = await Deno.makeTempDir();
  try {
    const folder = await writeKernelSpec(data);
    assert.equal(folder, join(data, "kernels", "deno"));
    const spec = JSON.parse(await Deno.readTextFile(join(folder, "kernel.json")));
    assert.deepEqual(spec.argv, [
      Deno.execPath(),
      "jupyter",
      "--kernel",
      "--conn",
      "{connection_file}",
    ]);
    assert.deepEqual([spec.display_name, spec.language], ["Deno", "typescript"]);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("a program in a package manager's folder outlives it; others stay where they are", async () => {
  const home = await Deno.makeTempDir();
  try {
    const [cache, data] = [join(home, "_npx", "1", "node_modules", "deno"), join(home, "data")];
    const program = join(cache, "deno");
    const install = async (version: string) => {
      await Deno.mkdir(cache, { recursive: true });
      await Deno.writeTextFile(program, version);
      const kept = await keptProgram(data, program);
      await Deno.remove(join(home, "_npx"), { recursive: true });
      return await Deno.readTextFile(kept);
    };
    assert.deepEqual([await install("2.9.6"), await install("2.9.7")], ["2.9.6", "2.9.7"]);
    const folder = join(data, "kernels", "deno");
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["deno"]);
    assert.equal(await keptProgram(data, join(home, "bin", "deno")), join(home, "bin", "deno"));
    await Deno.mkdir(cache, { recursive: true });
    await Deno.writeTextFile(program, "2.9.8");
    await assert.rejects(keptProgram(program, program), { name: "OutputError" });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

/** Runs a task's program in an environment with these variables. */
async function run(task: "kernel" | "lab", args: string[], variables: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...project.tasks[task].split(" ").slice(1), ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...variables },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, error };
}

Deno.test("the task kernel installs it for the user", async () => {
  const home = await Deno.makeTempDir();
  try {
    const { code, out, error } = await run("kernel", [], {
      JUPYTER_DATA_DIR: join(home, "jupyter"),
    });
    assert.deepEqual([code, error], [0, ""]);
    const folder = join(home, "jupyter", "kernels", "deno");
    assert.equal(out, `The kernel 'Deno' is installed in ${folder}.\n`);
    const { argv } = JSON.parse(await Deno.readTextFile(join(folder, "kernel.json")));
    const version = await new Deno.Command(argv[0], { args: ["--version"] }).output();
    assert.match(
      new TextDecoder().decode(version.stdout),
      new RegExp(`^deno ${Deno.version.deno} `),
    );
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

/** A program named `jupyter` that has only the applications `has`, and else tells how it was called. */
async function withJupyter(has: string, test: (home: string) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    const program = join(home, "jupyter");
    const tell = 'echo "$@"; echo "$JUPYTER_PATH"; basename "$PWD"; exit 7';
    await Deno.writeTextFile(
      program,
      `#!/bin/sh\ncase " ${has} " in *" $1 "*) ;; *) exit 1;; esac\n[ "$2" = --version ] && exit 0\n${tell}\n`,
    );
    await Deno.chmod(program, 0o755);
    await test(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const applications: [has: string, opened: string][] = [["lab notebook", "lab"], [
  "notebook",
  "notebook",
]];

for (const [has, opened] of applications) {
  Deno.test({
    name: `the task lab opens ${opened} where there is ${has} (needs a POSIX shell)`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      withJupyter(has, async (home) => {
        const PATH = `${home}:/usr/bin:/bin`;
        const { code, out } = await run("lab", ["--no-browser", "a b"], {
          PATH,
          JUPYTER_PATH: "other",
        });
        const [args, path, folder] = out.split("\n");
        assert.deepEqual([code, args, folder], [7, `${opened} --no-browser a b`, "notebooks"]);
        const [data, other] = path.split(delimiter);
        assert.equal(other, "other");
        assert.ok((await Deno.stat(join(data, "kernels", "deno", "kernel.json"))).isFile);
      }),
  });
}

Deno.test("the task lab says what to install where there is no Jupyter", async () => {
  const home = await Deno.makeTempDir();
  try {
    const { code, error } = await run("lab", [], { PATH: home });
    assert.equal(code, 1);
    assert.match(error, /^lab: no Jupyter found; install JupyterLab .*or Notebook .*\n$/m);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
