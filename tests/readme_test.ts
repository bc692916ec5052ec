/** Runs what the README tells a reader to run: its example, and each command but those that CI runs. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { shortTexts, tokenizedPair } from "./scripts/tokenized_pair.ts";

const root = new URL("../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));

/** Commands that `.ci/run` runs itself: they take long, and one of them is this test. */
const leftToCi = [
  "task reproduce",
  "task beyond --profile quick --out results/beyond-quick",
  "task test",
  "task check",
];

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))]
    .map(([, block]) => block);
}

async function deno(args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: fileURLToPath(root),
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert.ok(success, `deno ${args.join(" ")}\n${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

const commands = blocks("sh").flatMap((block) => block.trim().split("\n"))
  .map((line) => line.replace(/\s+#.*$/, "").replace(/^(npx --yes deno@[\d.]+|deno) /, ""));

/** Cells of a Markdown table's lines, without the padding that a formatter may change. */
const cells = (text: string) =>
  text.split("\n").filter((line) => line.startsWith("|") && !/^[|:\s-]+$/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()).join("|"));

for (const table of ["table-1-perplexity", "table-2-wall-clock"]) {
  Deno.test(`the README shows ${table} as it was reproduced`, async () => {
    const path = new URL(`data/reproduction/${table}.md`, root);
    const shown = new Set(cells(readme));
    const made = cells(await Deno.readTextFile(path));
    assert.ok(made.length > 8);
    assert.deepEqual(made.filter((line) => !shown.has(line)), []);
  });
}

Deno.test("the README's distances on general text are those reproduced", async () => {
  const path = new URL("data/reproduction/table-fidelity.md", root);
  const rows = cells(await Deno.readTextFile(path)).map((line) => line.split("|"));
  for (
    const method of ["initial", "activation-aware (study-faithful)", "distilled (study-faithful)"]
  ) {
    const row = rows.find((each) => each[1] === "general text" && each[2] === method)!;
    const kl = Number.parseFloat(row[3].replaceAll("*", ""));
    assert.ok(readme.includes(` ${kl.toFixed(3)} `), `${method}: ${row[3]}`);
  }
});

Deno.test("the README's verdicts are those reproduced", async () => {
  const path = new URL("data/reproduction/table-claims.md", root);
  const rows = cells(await Deno.readTextFile(path)).map((line) => line.split("|"));
  const holding = (source: string) =>
    rows.filter((row) => row[2] === source && row[3] === "holds").map((row) => row[1].slice(0, 2));
  const text = readme.replaceAll(/\s+/g, " ");
  const [published, ours] = text.match(
    /on the published numbers (.*?) hold, .* On ours (.*?) hold,/,
  )!
    .slice(1).map((names) => names.replaceAll(/\([^)]*\)/g, "").match(/C\d/g));
  assert.deepEqual(published, holding("published numbers"));
  assert.deepEqual(ours, holding("ours, study-faithful"));
});

Deno.test("the README's sizes of deltas are those laid out from shapes", async () => {
  const command = commands.find((each) => each.startsWith("task inspect --like "))!;
  const shown = new Set(cells(readme));
  const laidOut = cells(await deno(command.split(" ")));
  assert.ok(laidOut.length > 4);
  assert.deepEqual(laidOut.filter((line) => !shown.has(line)), []);
});

Deno.test("CI runs the commands that are left to it", async () => {
  const ci = await Deno.readTextFile(new URL(".ci/run", root));
  for (const command of leftToCi) {
    assert.ok(commands.includes(command), `the README names '${command}'`);
    assert.match(ci, new RegExp(`^\\$deno ${command}\\b`, "m"));
  }
});

/**
 * A small pair of the same layout, in whose folder all results go too: what is run here is what the
 * README writes but for these places. On the embedded pairs CI runs the whole study and all notebooks.
 */
const pair = await tokenizedPair();
const texts = await shortTexts(pair);
addEventListener("unload", () => Deno.removeSync(pair.folder, { recursive: true }));

function withSmallPair(text: string): string {
  return text.replaceAll(/data\/checkpoints\/\w+-base/g, pair.base)
    .replaceAll(/data\/checkpoints\/\w+-(code|assistant)/g, pair.fine)
    .replaceAll(/\bresults\//g, `${pair.folder}/results/`);
}

/** What says to a command that it is to take the small pair, and little text. */
function smallPairOptions(command: string): string[] {
  if (/^task (reproduce|figures) /.test(command)) {
    return ["--base", pair.base, "--fine", pair.fine, "--texts", texts];
  }
  if (command.startsWith("task compare ")) return ["--limit", "2"];
  // Its own tests mutate thousands.
  if (command.startsWith("task fuzz ")) return ["--count", "50"];
  if (command.startsWith("task evaluate ")) return ["--limit", "4"];
  if (!command.startsWith("task notebooks ")) return [];
  const small = { base: pair.base, fine: pair.fine, texts, profile: "quick" };
  return Object.entries(small).flatMap(([name, value]) => ["-p", `${name}=${value}`]);
}

for (const command of commands.filter((each) => !leftToCi.includes(each))) {
  Deno.test(`README: deno ${command}`, async () => {
    const args = [...withSmallPair(command).split(/\s+/), ...smallPairOptions(command)];
    assert.notEqual((await deno(args)).trim(), "");
  });
}

Deno.test("README: the ten lines of code print a perplexity and a distance", async () => {
  const [example] = blocks("ts");
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      path,
      withSmallPair(example).replace("./lib/mod.ts", new URL("lib/mod.ts", root).href),
    );
    const permissions = ["read", "write", "env", "ffi", "sys"].map((each) => `--allow-${each}`);
    const printed = await deno([
      "run",
      "--cached-only",
      "--config",
      "deno.json",
      ...permissions,
      path,
    ]);
    assert.match(printed, /^perplexity \d+\.\d\d, KL to the fine-tune \d\.\d{3} nats\n$/);
  } finally {
    await Deno.remove(path);
  }
});
