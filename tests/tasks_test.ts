/**
 * The tasks of `deno.json`: each has the permissions that it uses and no more, and nothing is fetched
 * once `deno task` has installed the packages. That scripts run under them is tested by
 * `tests/scripts`, which starts them by these very lines.
 */

import assert from "node:assert/strict";
import project from "../deno.json" with { type: "json" };
import { HUB_VARIABLES } from "../lib/checkpoint/hub/mod.ts";
import { temporaryFolder } from "./checkpoint/tiny_checkpoint.ts";
import { runTask } from "./scripts/run_script.ts";

const ANY_PLACE = "any file that a user names";
const LIBRARIES = "libraries of packages: ONNX Runtime, tokenizers, and what draws";
const HUB = {
  net: "models and data sets of the Hugging Face Hub, given up unless an argument names one",
  [`env=${HUB_VARIABLES.join()}`]: "where the Hub and its cache are, and who asks",
};
const HUB_FIGURES = {
  net: HUB.net,
  [`env=WS_NO_BUFFER_UTIL,${HUB_VARIABLES.join()}`]:
    "happy-dom's web sockets, which nothing opens, ask for it when loaded; and as of the Hub",
  "sys=systemMemoryInfo,cpus,hostname,networkInterfaces":
    "how much memory is free; packages that draw ask for the others when loaded",
};
const MEMORY = { "sys=systemMemoryInfo": "how much memory is free" };
const TABLES = {
  "sys=systemMemoryInfo,cpus,hostname,networkInterfaces":
    "how much memory is free; polars asks for the others when a text is a table",
};
const ANY_DENO = "Deno itself, whose path differs from machine to machine";

/** Each permission of a task, and what it is for. */
const permissions: Record<keyof typeof project.tasks, Record<string, string>> = {
  reproduce: { read: ANY_PLACE, write: ANY_PLACE, "ffi=node_modules": LIBRARIES, ...HUB_FIGURES },
  beyond: { read: ANY_PLACE, write: ANY_PLACE, "ffi=node_modules": LIBRARIES, ...HUB_FIGURES },
  figures: { read: ANY_PLACE, write: ANY_PLACE, "ffi=node_modules": LIBRARIES, ...HUB_FIGURES },
  train: { read: ANY_PLACE, write: ANY_PLACE, ...MEMORY, "ffi=node_modules": LIBRARIES },
  test: {
    read: "fixtures, and all that scripts read",
    write: "temporary folders",
    "net=127.0.0.1": "kernels of notebooks",
    env: "what it hands on to programs that it starts",
    sys: "as figures",
    "ffi=node_modules": LIBRARIES,
    run: "Deno, and readers of PDF, XML and LaTeX",
  },
  kernel: {
    read: ANY_PLACE,
    write: "the folder of Jupyter's kernels",
    "env=JUPYTER_DATA_DIR,XDG_DATA_HOME,APPDATA,HOME": "where that folder is",
  },
  lab: {
    read: "the notebooks",
    "write=.jupyter": "the kernel, for this project alone",
    "env=JUPYTER_PATH": "kernels that are there already",
    "run=jupyter": "it starts it",
  },
  look: {
    read: ANY_PLACE,
    write: ANY_PLACE,
    "net=127.0.0.1": "the browser and Jupyter",
    "env=PATH": "to find a browser",
    "sys=uid": "a browser of root's needs another sandbox",
    run: "the browser that was found, Jupyter, and Deno as its kernel",
  },
  check: { read: ANY_PLACE, write: "cells as a module beside their notebook", run: ANY_DENO },
  compress: { read: ANY_PLACE, write: ANY_PLACE, ...HUB, ...TABLES, "ffi=node_modules": LIBRARIES },
  lora: { read: ANY_PLACE, write: ANY_PLACE, ...HUB, ...TABLES, "ffi=node_modules": LIBRARIES },
  apply: { read: ANY_PLACE, write: ANY_PLACE, ...HUB, "ffi=node_modules": LIBRARIES },
  card: { read: ANY_PLACE, write: ANY_PLACE, ...HUB, "ffi=node_modules": LIBRARIES },
  compare: { read: ANY_PLACE, write: ANY_PLACE, "ffi=node_modules": LIBRARIES, ...HUB_FIGURES },
  convert: { read: ANY_PLACE, write: ANY_PLACE, ...HUB, "ffi=node_modules": LIBRARIES },
  shapes: {
    read: ANY_PLACE,
    write: ANY_PLACE,
    "sys=statfs": "whether the disk has room",
    "ffi=node_modules": LIBRARIES,
  },
  inspect: { read: ANY_PLACE, write: "the Hub's cache", ...HUB, "ffi=node_modules": LIBRARIES },
  serve: {
    read: ANY_PLACE,
    write: "its manifest, its keys, the Hub's cache",
    ...HUB,
    net: "where it listens; deltas of the Hub where that is allowed",
    ...MEMORY,
    "ffi=node_modules": LIBRARIES,
  },
  publish: { read: ANY_PLACE, ...HUB, net: "what it is for", "ffi=node_modules": LIBRARIES },
  evaluate: { read: ANY_PLACE, write: ANY_PLACE, ...HUB, ...TABLES, "ffi=node_modules": LIBRARIES },
  generate: {
    read: ANY_PLACE,
    write: "the Hub's cache",
    ...HUB,
    ...MEMORY,
    "ffi=node_modules": LIBRARIES,
  },
  notebooks: {
    read: ANY_PLACE,
    write: ANY_PLACE,
    "net=127.0.0.1": "kernels",
    "ffi=node_modules": "ZeroMQ",
    run: `kernels, which are ${ANY_DENO}`,
  },
  bench: {
    read: ANY_PLACE,
    write: ANY_PLACE,
    "sys=systemMemoryInfo,statfs": "how much memory is free, and whether the disk has room",
    "ffi=node_modules": LIBRARIES,
    run: `stages in processes of their own, which are ${ANY_DENO}`,
  },
  fuzz: {
    read: ANY_PLACE,
    write: "temporary folders",
    "net=127.0.0.1": "a server that is asked",
    ...TABLES,
    "ffi=node_modules": LIBRARIES,
  },
};

for (const [task, line] of Object.entries(project.tasks)) {
  Deno.test(`task ${task} has the permissions that it has a reason for`, () => {
    const flags = [...line.matchAll(/--allow-(\S+)/g)].map(([, flag]) => flag);
    const known = permissions[task as keyof typeof project.tasks];
    assert.deepEqual(flags.toSorted(), Object.keys(known).toSorted());
    assert.doesNotMatch(line, /\s(-A|--allow-all|-[RWNESI]\b)/);
  });

  Deno.test(`task ${task} fetches nothing`, () => {
    for (const command of line.split(" && ")) {
      if (!command.startsWith("deno doc ")) assert.match(command, /^deno \w+ .*--cached-only /);
    }
  });
}

Deno.test("a script says nothing of packages, with an empty cache and no registry to ask", async () => {
  await using cache = await temporaryFolder();
  const { code, error } = await runTask("bench", ["--help"], {
    DENO_DIR: cache.path,
    NPM_CONFIG_REGISTRY: "http://127.0.0.1:9",
  });
  assert.deepEqual([code, error], [0, ""]);
});
