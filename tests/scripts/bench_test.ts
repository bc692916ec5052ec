/** `scripts/bench.ts`: how numbers are compared, and that it starts. What it measures is no test. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { projectPath } from "../../lib/mod.ts";
import { type MakeChain, timeChains } from "../bench/chains.ts";
import {
  advantage,
  type Comparison,
  fastest,
  inTurns,
  keepsBound,
  medianQuotient,
  memoryAbove,
  requireSame,
} from "../bench/comparison.ts";
import { comparisonTable } from "../bench/comparison_table.ts";
import { chosenParts, partNames } from "../bench/parts.ts";
import { randomMatrix } from "../bench/random_matrix.ts";
import { runProgram } from "../bench/run_program.ts";
import {
  type Setting,
  sevenBillionRows,
  type StageResults,
  stageTable,
} from "../bench/seven_billion/report.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";

const row: Comparison = {
  what: "speed",
  unit: "1/s",
  ours: 6,
  peer: 2,
  peerIs: "another",
  better: "higher",
  bound: 5,
};

Deno.test("the advantage is above 1 where ours is better, whichever way is better", () => {
  assert.equal(advantage(row), 3);
  assert.equal(advantage({ ...row, better: "lower" }), 1 / 3);
});

Deno.test("a bound is a least or a most, and is kept where it is met", () => {
  assert.deepEqual([5, 6, 7].map((bound) => keepsBound({ ...row, bound })), [true, true, false]);
  const lower = { ...row, better: "lower" } as const;
  assert.deepEqual([5, 6, 7].map((bound) => keepsBound({ ...lower, bound })), [false, true, true]);
  assert.equal(keepsBound({ ...row, bound: null }), true);
});

Deno.test("ours may be bound by the peer's, by what the turns gave where they were taken", () => {
  const times = (timesPeer: number) => keepsBound({ ...row, timesPeer });
  assert.deepEqual([2.9, 3, 3.1].map(times), [true, true, false]);
  const inTurns = { ...row, timesPeer: 3, quotient: 2.5 };
  assert.equal(keepsBound(inTurns), false);
  assert.equal(advantage(inTurns), 2.5);
  const lower = { ...row, bound: null, better: "lower" } as const;
  assert.deepEqual(
    [2, 3, 4].map((timesPeer) => keepsBound({ ...lower, timesPeer })),
    [false, true, true],
  );
  assert.equal(advantage({ ...lower, quotient: 0.5 }), 2);
});

Deno.test("actions run in turns, and their quotient is the median of the turns", async () => {
  const order: string[] = [];
  const action = (name: string) => () => Promise.resolve(order.push(name));
  const seconds = await inTurns(3, [action("a"), action("b")]);
  assert.equal(order.join(""), "ababab");
  assert.deepEqual(seconds.map(({ length }) => length), [3, 3]);
  assert.equal(medianQuotient([1, 8, 3], [1, 2, 1]), 3);
});

Deno.test("two sides that differ stop a benchmark", () => {
  requireSame("scale", 1.00001, 1, 1e-4);
  assert.throws(() => requireSame("scale", 1.1, 1, 1e-4), /scale: ours is 1.1, the peer's 1/);
  assert.throws(() => requireSame("scale", NaN, 1, 1e-4));
});

Deno.test("the fastest of several runs is no longer than all of them", async () => {
  let runs = 0;
  const started = performance.now();
  const seconds = await fastest(3, () => Promise.resolve(runs++));
  assert.ok(seconds >= 0 && seconds <= (performance.now() - started) / 3000);
  assert.equal(runs, 3);
});

Deno.test("memory that an action touches is counted", async () => {
  const megabytes = await memoryAbove(() => Promise.resolve(new Uint8Array(64e6).fill(1)));
  assert.ok(megabytes >= 60, `${megabytes} MB`);
});

Deno.test("a random matrix has the deviation asked for and depends on its seed alone", () => {
  const matrix = randomMatrix(300, 100, 0.02, 1);
  const squares = matrix.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(Math.sqrt(squares / matrix.length) / 0.02 - 1) < 0.02);
  assert.deepEqual(randomMatrix(300, 100, 0.02, 1), matrix);
  assert.notDeepEqual(randomMatrix(300, 100, 0.02, 2), matrix);
});

Deno.test("without a peer there is no ratio, and of bounds those alone that need none", () => {
  const alone: Comparison = { ...row, peer: null, peerIs: "another, which cannot run: no adapter" };
  assert.equal(advantage(alone), null);
  assert.deepEqual([6, 7].map((bound) => keepsBound({ ...alone, bound })), [true, false]);
  assert.equal(keepsBound({ ...alone, timesPeer: 2 }), null);
  assert.equal(keepsBound({ ...alone, bound: 7, timesPeer: 2 }), false);
});

Deno.test("the table of comparisons says what was kept, missed, and not compared, and why", () => {
  const table = comparisonTable([
    { ...row, timesPeer: 2 },
    { ...row, better: "lower" },
    {
      ...row,
      peer: null,
      peerIs: "another, which cannot run: no adapter",
      bound: null,
      timesPeer: 2,
    },
    { ...row, bound: null },
  ], "an engine");
  assert.match(table.title, /an engine/);
  assert.deepEqual(table.rows, [
    ["speed", "1/s", 6, 2, 3, "≥ 5 and 2 × peer: kept", "another"],
    ["speed", "1/s", 6, 2, 0.333, "≤ 5: missed", "another"],
    [
      "speed",
      "1/s",
      6,
      null,
      null,
      "≥ 2 × peer: not compared",
      "another, which cannot run: no adapter",
    ],
    ["speed", "1/s", 6, 2, 3, null, "another"],
  ]);
});

/** Chains that take 10 s to start and to hear of, and `seconds` a product, by a clock that they move. */
function fakeChains() {
  let milliseconds = 0;
  const made: number[] = [];
  let released = 0;
  const make = (seconds: number): MakeChain => (length) => {
    made.push(length);
    return Promise.resolve({
      run: () => Promise.resolve(void (milliseconds += 1000 * (10 + seconds * length))),
      release: () => void released++,
    });
  };
  return { make, made, released: () => released, now: () => milliseconds };
}

Deno.test("what it costs to start a chain and to hear of its end is in no product", async () => {
  const { make, made, released, now } = fakeChains();
  const times = await timeChains([make(2), make(0.5)], { turns: 3, now });
  assert.deepEqual(times, [[2, 2, 2], [0.5, 0.5, 0.5]]);
  assert.equal(made.length, released());
});

Deno.test("chains grow until their difference is long enough, or they are as long as may be", async () => {
  const lengths = async (seconds: number) => {
    const { make, made, now } = fakeChains();
    await timeChains([make(seconds)], { turns: 1, enough: 5, most: 100, now });
    return made;
  };
  assert.deepEqual(await lengths(3), [1, 3]);
  assert.deepEqual(await lengths(1), [1, 3, 12]);
  assert.deepEqual(await lengths(0.001), [1, 3, 12, 48, 100]);
});

Deno.test("parts are chosen by name, in their own order, and all but the largest by default", () => {
  assert.deepEqual(chosenParts("cpu"), [
    "activation_aware",
    "extraction",
    "forward",
    "linear_algebra",
    "few_rows",
  ]);
  assert.deepEqual(chosenParts("webgpu", ["seven_billion", "peers"]), ["peers", "seven_billion"]);
  assert.throws(
    () => chosenParts("cpu", ["peers"]),
    /'--part'.*'peers'.*expected activation_aware/,
  );
});

const a7bLayer = 202_375_168;

/** A reading of 4 GB in 2 s, a product rate of 1 TFLOPS, and so on. */
const results: StageResults = {
  "plain reading": { seconds: 2, count: 4e9, peakBytes: 1e8 },
  "file to device": { seconds: 2, count: 2e9, peakBytes: 1e9 },
  "matrix product": { seconds: 1, count: 1e12, peakBytes: 1e9 },
  "initial": { seconds: 4, count: 4e9, peakBytes: 1e9 },
  "activation-aware": { seconds: 8, count: 4e9, peakBytes: 3e9 },
  "scoring, base": { seconds: 1, count: 1500, peakBytes: 1e9 },
  "scoring, compressed": { seconds: 2, count: 1500, peakBytes: 1e9 },
  "distillation": { seconds: 12, count: 3, peakBytes: 1e9 },
};

function verdicts(setting: Partial<Setting>) {
  const layers = setting.layers ?? 2;
  const whole = { adapter: null, pair: "a pair", layers, weights: layers * a7bLayer, rows: 512 };
  return sevenBillionRows(results, { ...whole, ...setting }).map((each) => [
    each.ours,
    each.bound ?? each.timesPeer ?? null,
    keepsBound(each),
  ]);
}

Deno.test("stages of a pair of 7B shapes are held to the bounds of their device and size", () => {
  const [extraction, extractionMemory, upload, calibration, calibrationMemory, base, , step] =
    verdicts({});
  assert.deepEqual(extraction, [1, 0.3, true]);
  assert.deepEqual(extractionMemory, [1000, 2000, true]);
  assert.deepEqual(upload, [1, null, true]);
  assert.deepEqual(calibration, [8, 12, true]);
  assert.deepEqual(calibrationMemory, [3000, 2000, false]);
  assert.deepEqual([base, step], [[1500, null, true], [4, null, true]]);
  // 6 · 512 operations a weight, here 2.49 TFLOP, at 1 TFLOPS.
  const four = verdicts({ layers: 4 });
  assert.deepEqual([four[3], four[4]], [[8, 2.2, false], [3000, 4000, true]]);
  assert.deepEqual(verdicts({ layers: 32 })[0], [1, 0.7, false]);
  const software = verdicts({ adapter: { name: "llvmpipe", software: true } });
  assert.deepEqual([software[2], software[3]], [[1, 0.35, true], [8, null, true]]);
  const h100 = verdicts({ adapter: { name: "NVIDIA H100", software: false }, layers: 32 });
  assert.deepEqual(h100.slice(3, 4), [[8, 15, true]]);
  assert.deepEqual(h100.slice(5), [[1500, 1200, true], [750, 800, false], [4, 4, true]]);
  // Of a pair of other shapes nothing was said.
  assert.ok(verdicts({ weights: 1000 }).every(([, bound]) => bound === null));
});

Deno.test("the table of stages has shares of all seconds and of plain reading", () => {
  const { rows } = stageTable(results, "a device");
  assert.deepEqual(rows.map(([name]) => name), Object.keys(results));
  assert.deepEqual(rows[3], ["initial", 4, "13 %", 1, "GB/s", "50 %", 1]);
  assert.deepEqual(rows[5], ["scoring, base", 1, "3 %", 1500, "tokens/s", null, 1]);
  const { distillation: _, ...others } = results;
  const { note, rows: some } = stageTable(others, "a device", { distillation: "no room" });
  assert.equal(some.length, rows.length - 1);
  assert.match(note!, /Without distillation: no room\.$/);
});

Deno.test("bench --help lists its options, and others are refused", async () => {
  const { code, out, error } = await runTask("bench", ["--help"]);
  assert.deepEqual([code, error], [0, ""]);
  for (
    const option of ["--device", "--part", "--layers", "--pair", "--json", ...partNames.webgpu]
  ) {
    assert.ok(out.includes(option), option);
  }
});

for (
  const [args, message] of [
    [["--fast"], /^bench: unknown option '--fast'.*\n$/],
    [
      ["--part", "peers"],
      /^bench: option '--part': is no part on cpu: got 'peers'; expected .*\n$/,
    ],
    [["--layers", "2"], /^bench: option '--layers': .*got 2; expected --part seven_billion.*\n$/],
    [["--layers", "0", "--part", "seven_billion"], /^bench: .*--layers.*from 1 to 32.*\n$/],
    [
      ["--part", "seven_billion", "--pair", "a", "--layers", "2"],
      /^bench: option '--layers': .*\n$/,
    ],
  ] as const
) {
  Deno.test(`bench ${args.join(" ")} is refused in one line`, async () => {
    const refused = await runHere("bench", args);
    assert.deepEqual([refused.code, refused.out], [2, ""]);
    assert.match(refused.error, message);
  });
}

Deno.test("a program that is measured prints, or fails with what it said", async () => {
  assert.match(await runProgram("scripts/compress.ts", ["--help"]), /--base <name>/);
  await assert.rejects(
    runProgram("scripts/compress.ts", ["--fast"]),
    /^Error: 'scripts\/compress.ts' failed: compress: unknown option '--fast'/,
  );
});

Deno.test("seven_billion takes a pair that is given, whatever its shapes, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const missing = await runHere("bench", ["--part", "seven_billion", "--pair", folder]);
    assert.equal(missing.code, 1);
    assert.ok(missing.error.includes(join(folder, "base")), missing.error);

    await Deno.symlink(projectPath("data/checkpoints/llama-base"), join(folder, "base"));
    await Deno.symlink(projectPath("data/checkpoints/llama-assistant"), join(folder, "fine"));
    const json = join(folder, "bench.json");
    const args = ["--part", "seven_billion", "--pair", folder, "--json", json];
    const { code, out, error } = await runTask("bench", args);
    assert.equal(code, 0, error);
    const record = JSON.parse(await Deno.readTextFile(json));
    const [stages] = record.tables;
    assert.deepEqual(stages.rows.map(([name]: [string]) => name), [
      "plain reading",
      "matrix product",
      "initial",
      "activation-aware",
      "scoring, base",
      "scoring, compressed",
    ]);
    assert.ok(record.rows.every(({ ours }: Comparison) => ours > 0));
    assert.ok(out.includes(stages.title));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "base",
      "bench.json",
      "fine",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("profile names the longest function of each program, on a pair that is given", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink(projectPath("data/checkpoints/llama-base"), join(folder, "base"));
    await Deno.symlink(projectPath("data/checkpoints/llama-assistant"), join(folder, "fine"));
    const json = join(folder, "bench.json");
    const { code, error } = await runTask("bench", [
      ...["--part", "profile", "--pair", folder, "--json", json],
    ]);
    assert.equal(code, 0, error);
    const { rows, tables } = JSON.parse(await Deno.readTextFile(json));
    const programs = ["compress, initial", "compress, activation-aware", "evaluate"];
    for (const [index, program] of programs.entries()) {
      const { what, ours, bound } = rows[index];
      assert.ok(what.startsWith(`${program}: longest function, `), what);
      assert.ok(ours > 0 && ours < 100);
      assert.equal(bound, 2);
      const names = tables[index].rows.map(([name]: [string]) => name);
      assert.ok(names.length > 2, names.join(", "));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
