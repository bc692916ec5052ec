/** `scripts/reproduce.ts` and `scripts/figures.ts` as programs, on a tiny pair. */

import assert from "node:assert/strict";
import { join } from "node:path";
import project from "../../deno.json" with { type: "json" };
import { checkChecksums } from "../../lib/studies/checksums.ts";
import { HUB_VARIABLES } from "../../lib/checkpoint/hub/settings.ts";
import { MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import { planTasks } from "../../lib/studies/activation_aware_bitdelta/plan.ts";
import { quickProtocol } from "../../lib/studies/activation_aware_bitdelta/protocol.ts";
import { studyOptions } from "../../scripts/study_options.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { interruptTaskAtFile, runTask, runTaskWithFewFiles } from "./run_script.ts";
import { inFolder, shortTexts, type TokenizedPair, tokenizedPair } from "./tokenized_pair.ts";

/** Tasks of the quick protocol on one pair. */
const taskCount = planTasks({ ...quickProtocol, pairs: quickProtocol.pairs.slice(-1) }).length;

const options = (pair: TokenizedPair, out: string) => [
  ...["--base", pair.base, "--fine", pair.fine],
  ...["--profile", "quick", "--threads", "1", "--out", out],
];

/** Figures and tables in a folder, by name. */
function drawn(folder: string): Map<string, Uint8Array> {
  const names = filesIn(folder).filter((name) => name !== "measurements");
  return new Map(names.map((name) => [name, Deno.readFileSync(join(folder, name))]));
}

/** Asserts that what a run asked of the environment and the system is what a task may. */
async function assertUses(audit: string, task: "reproduce"): Promise<void> {
  const asked: { permission: string; value: string }[] = (await Deno.readTextFile(audit)).trim()
    .split("\n").map((line) => JSON.parse(line));
  for (const permission of ["env", "sys"]) {
    const [, may] = new RegExp(`--allow-${permission}=(\\S+)`).exec(project.tasks[task])!;
    const used = asked.filter((each) => each.permission === permission);
    const names = new Set(used.map(({ value }) => value));
    // Where nothing is named on the Hub, nobody asks where it is.
    const own = may.split(",").filter((name) => !HUB_VARIABLES.includes(name));
    assert.deepEqual([...names].toSorted(), own.toSorted(), permission);
  }
}

Deno.test("reproduce stops at Ctrl-C, goes on, does nothing twice; figures draws the same", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "results");
  // CI runs the study on its own texts; here a few rhymes are as good.
  const given = [...options(pair, out), "--texts", await shortTexts(pair)];

  const store = new MeasurementStore(join(out, "measurements"));
  await Deno.mkdir(store.directory, { recursive: true });
  const first = [store.directory, ".json"] as const;
  const stopped = await interruptTaskAtFile("reproduce", given, first);
  assert.equal(stopped.code, 130, stopped.error);
  assert.match(stopped.error, /reproduce: stopped; the same command goes on from here\n$/);
  const kept = filesIn(store.directory).filter((name) => name.endsWith(".json"));
  assert.ok(kept.length > 0 && kept.length < taskCount, `${kept.length}`);
  assert.deepEqual(drawn(out), new Map());

  const early = await runTask("figures", given);
  assert.deepEqual([early.code, early.out], [1, ""]);
  assert.match(
    early.error,
    /measurements': lacks a measurement: got 'base → fine: .*expected a finished run/,
  );

  // What a machine may lack is tried along the way, on runs that are made anyway.
  const rest = await runTaskWithFewFiles("reproduce", given);
  assert.equal(rest.code, 0, rest.error);
  const counts = `${taskCount} measurements, ${taskCount - kept.length} of them made now; `;
  assert.ok(rest.out.includes(counts), rest.out);
  const lines = rest.out.trimEnd().split("\n");
  assert.ok(lines.length <= 10, rest.out);
  assert.match(lines[0], /^Perplexity, general text, study-faithful +fine-tune +initial/);
  assert.equal(lines.at(-1), `42 files: ${join(out, "figure-*")}, ${join(out, "table-*")}`);
  const figuresAndTables = drawn(out);
  // And the list of their sums.
  assert.equal(figuresAndTables.size, 43);
  await checkChecksums(out);
  assert.deepEqual(filesIn(store.directory).filter((name) => name.endsWith(".part")), []);

  const again = await runTask("reproduce", given);
  assert.ok(again.out.includes(`${taskCount} measurements, 0 of them made now`), again.error);
  assert.deepEqual(drawn(out), figuresAndTables);

  const to = inFolder(pair, "figures");
  const audit = inFolder(pair, "audit.jsonl");
  const figures = await runTask("figures", [...given, "--to", to], {
    DENO_AUDIT_PERMISSIONS: audit,
  });
  await assertUses(audit, "reproduce");
  assert.deepEqual([figures.code, figures.out], [0, `42 files in '${to}'\n`], figures.error);
  assert.deepEqual(drawn(to), figuresAndTables);

  // That they are the same bytes each time is what tests of figures' files show.
  const one = inFolder(pair, "one");
  const slides = [...given, "--format", "pdf, svg", "--width", "84mm", "--theme", "talk"];
  const set = await runTaskWithFewFiles("figures", [...slides, "--to", one]);
  assert.deepEqual([set.code, set.out], [0, `37 files in '${one}'\n`], set.error);
  const names = [...drawn(one).keys()];
  assert.ok(names.includes("figure-1-wall-clock.pdf") && names.includes("figure-5-wikitext.tex"));
  assert.ok(names.every((name) => !name.endsWith(".png")));
  const width = /<svg[^>]* width="(\d+)"/.exec(
    new TextDecoder().decode(drawn(one).get("figure-2-code.svg")),
  )![1];
  assert.ok(Math.abs(Number(width) / 96 * 25.4 - 84) < 0.5);
});

Deno.test("reproduce reads a folder of texts, and names what is missing or too short in it", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "results");
  const texts = join(pair.folder, "texts");
  await Deno.mkdir(texts);
  const rhymes = await Deno.readTextFile(pair.rows);
  const files = ["code.jsonl", "health.jsonl", "finance.jsonl", "wikitext.test.jsonl"];
  for (const [index, name] of files.entries()) {
    const rows = rhymes.split("\n").slice(index, index + 5).join("\n");
    await Deno.writeTextFile(join(texts, name), rows);
  }
  const given = [...options(pair, out), "--texts", texts];
  const early = await runHere("reproduce", given);
  assert.deepEqual([early.code, early.out], [1, ""]);
  assert.match(
    early.error,
    /texts': has no text named 'calibration': got \['code\.jsonl', .*; expected/,
  );

  const rhyme = await Deno.readTextFile(pair.text);
  await Deno.writeTextFile(join(texts, "calibration.txt"), rhyme);
  const scarce = await runHere("reproduce", given);
  assert.equal(scarce.code, 1);
  assert.match(
    scarce.error,
    /file 'calibration\.txt': calibration text is too short: got '\d+ rows'/,
  );

  const { protocol, texts: read } = await studyOptions(
    { ...pair, profile: "quick", out, texts },
    [],
  );
  const names = {
    code: "code.jsonl",
    health: "health.jsonl",
    finance: "finance.jsonl",
    wikitext: "wikitext.test.jsonl",
    calibration: "calibration.txt",
  };
  assert.deepEqual([protocol.texts, read.names], [names, names]);
  const rows = rhymes.split("\n").slice(0, 5).map((row) => JSON.parse(row).text);
  assert.deepEqual((await read.evaluation("code")).map(({ text }) => text), rows);
});

for (const task of ["reproduce", "figures"] as const) {
  Deno.test(`${task} --help tells its options`, async () => {
    const { code, out, error } = await runTask(task, ["--help"]);
    assert.deepEqual([code, error], [0, ""]);
    assert.match(out, new RegExp(`^Usage: ${task} \\[options\\]\n`));
    for (const option of ["--profile", "--out", "--base", "--fine", "--texts", "--threads"]) {
      assert.ok(out.includes(option), option);
    }
    assert.equal(out.includes("--to"), task === "figures");
  });
}

const refused = [
  {
    args: ["--profile", "slow"],
    message:
      /option '--profile': names no profile: got 'slow'; expected full, quick, notebook, real/,
  },
  // A name that every object has.
  { args: ["--profile", "toString"], message: /names no profile: got 'toString'/ },
  { args: ["--base", "here"], message: /option '--fine': is missing; expected both a base and/ },
  { args: ["--fine", "here"], message: /option '--base': is missing; expected both a base and/ },
  { args: ["--profile", "real"], message: /option '--base': is missing; expected both a base and/ },
  { args: ["--threads", "0"], message: /'--threads <number>'.*'0' is invalid.*from 1 to 1024/ },
  { args: ["--swiftly"], message: /unknown option '--swiftly' \(see --help\)/ },
];

for (const { args, message } of refused) {
  Deno.test(`reproduce ${args.join(" ")} is refused`, async () => {
    await using folder = await temporaryFolder();
    const { code, out, error } = await runHere("reproduce", [...args, "--out", folder.path]);
    assert.deepEqual([code, out, filesIn(folder.path)], [2, "", []]);
    assert.match(error, message);
    assert.match(error, /^reproduce: .*\n$/, "one line, no trace");
  });
}

Deno.test("reproduce of a pair that is not there names the folder, and writes nothing", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "results");
  const absent = { ...pair, fine: inFolder(pair, "absent") };
  const { code, error } = await runHere("reproduce", options(absent, out));
  assert.equal(code, 1);
  assert.match(error, /^reproduce: file '.*absent': there is no such folder/);
  assert.equal(await Deno.stat(out).then(() => true, () => false), false);
});

for (const task of ["reproduce", "figures"] as const) {
  Deno.test(`${task} leaves files alone that it did not write`, async () => {
    await using folder = await temporaryFolder();
    const notes = join(folder.path, "table-claims.md");
    await Deno.writeTextFile(notes, "notes");
    for (
      const [place, code, message] of [
        [notes, 1, /claims\.md': is a file; expected the name of a folder\n$/],
        [folder.path, 2, /option '--out': would replace a file .*'.*claims\.md'; .*or --force\n$/],
      ] as const
    ) {
      const found = await runHere(task, ["--out", place]);
      assert.deepEqual([found.code, found.out], [code, ""]);
      assert.match(found.error, message);
    }
    assert.deepEqual(filesIn(folder.path), ["table-claims.md"]);
    assert.equal(await Deno.readTextFile(notes), "notes");
  });
}
