import assert from "node:assert/strict";
import fc from "fast-check";
import type { Method } from "../../../lib/methods/method.ts";
import { methods } from "../../../lib/methods/mod.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import { domains } from "../../../lib/texts/domains.ts";
import type { CompressedModel, ScoredModel } from "../../../lib/experiments/scored_model.ts";
import { planTasks, type StudyTask } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import {
  embeddedProtocol,
  figurePair,
  type Protocol,
  quickProtocol,
  realProtocol,
} from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";

const some = <T>(items: readonly T[]) => fc.subarray([...items], { minLength: 1 });

/** Protocols of any extent. */
const anyProtocol = fc.record({
  pairs: fc.integer({ min: 1, max: 4 }).map((count) => realProtocol.pairs.slice(-count)),
  domains: some(domains).filter((chosen) => chosen.includes("wikitext")),
  variants: some(realProtocol.variants),
  calibrationSizes: some([16, 32, 256, 512]),
  seeds: some([1, 2, 3]),
  tableSeeds: some([1, 2, 3]),
  wallClock: fc.record({
    batchSizes: some([1, 2, 4]),
    steps: fc.constant(5),
    repeats: fc.integer({ min: 1, max: 3 }),
  }),
  tableTimings: fc.integer({ min: 1, max: 4 }),
}).map((settings): Protocol => ({ ...realProtocol, ...settings }));

/** How many tasks a protocol has, counted by hand. */
function taskCount(protocol: Protocol): number {
  const { pairs, domains, variants, calibrationSizes, tableCalibrationSize } = protocol;
  const { seeds, tableSeeds, wallClock, tableTimings } = protocol;
  const sizes = calibrationSizes.length + Number(!calibrationSizes.includes(tableCalibrationSize));
  const timings = 2 * wallClock.batchSizes.length * wallClock.repeats;
  // Three models without text, one of them compressed; then a compression and its scores for each method
  // and seed, and its time if it stands in a table.
  const tablePair = 3 + 1 + variants.length * tableSeeds.length * 2 * (1 + 1 + 1);
  const figuresPair = 3 * domains.length + 1 +
    variants.length * seeds.length * ((sizes + 1) * (1 + domains.length) + 2);
  // Both methods of each variant once more, until there are as many timings as are asked for.
  const repeats = (of: readonly number[]) =>
    2 * variants.length * Math.max(0, tableTimings - of.length);
  return timings + figuresPair + repeats(seeds) +
    (pairs.length - 1) * (tablePair + repeats(tableSeeds));
}

const ofModel = ({ pair, model }: StudyTask) => JSON.stringify([pair, model]);

/** Whether a model depends on calibration text. */
const isCalibrated = (model: ScoredModel): model is CompressedModel =>
  typeof model !== "string" && model.seed !== null;

Deno.test("a plan has as many tasks as its protocol says, none twice", () => {
  fc.assert(fc.property(anyProtocol, (protocol) => {
    const tasks = planTasks(protocol);
    assert.equal(tasks.length, taskCount(protocol));
    assert.equal(new Set(tasks.map((task) => JSON.stringify(task))).size, tasks.length);
  }));
});

Deno.test("the embedded study has 313 tasks, the quick one 155", () => {
  // 36 timings; 3 pairs with 4 + 2 · 2 · 3 and 2 · 4 repeats; 13 of models without text; 6 · 6 compressions
  // with 1 + 4 each, and 3 · 4 times of them.
  assert.equal(planTasks(embeddedProtocol).length, 36 + 3 * (16 + 8) + 13 + 180 + 12);
  // 18 timings; 3 pairs with 4 + 2 · 2 · 3; 13 of models without text; 2 · 4 compressions with 1 + 4 each, and
  // 4 times of them; 2 · 4 repeats of all 4 pairs.
  assert.equal(planTasks(quickProtocol).length, 18 + 3 * 16 + 13 + 40 + 4 + 4 * 8);
});

Deno.test("a model is scored and its time told only after its compression", () => {
  fc.assert(fc.property(anyProtocol, (protocol) => {
    const compressed = new Set<string>();
    for (const task of planTasks(protocol)) {
      if (task.kind === "compression") compressed.add(ofModel(task));
      const needsDelta = task.kind === "evaluation" && typeof task.model !== "string" ||
        task.kind === "timing" && task.repeat === 0;
      assert.ok(!needsDelta || compressed.has(ofModel(task)), ofModel(task));
    }
  }));
});

Deno.test("after the timings, pairs come one by one, that of the figures last", () => {
  fc.assert(fc.property(anyProtocol, (protocol) => {
    const tasks = planTasks(protocol);
    const begin = tasks.findIndex(({ kind }) => kind !== "wall clock");
    const [timings, others] = [tasks.slice(0, begin), tasks.slice(begin)];
    assert.ok(timings.every(({ pair }) => pair === figurePair(protocol).name));
    assert.ok(others.every(({ kind }) => kind !== "wall clock"));
    const changes = others.map(({ pair }) => pair).filter((pair, at, all) => pair !== all[at - 1]);
    assert.deepEqual(changes, protocol.pairs.map(({ name }) => name));
  }));
});

Deno.test("other pairs are scored at the tables' domain, size and seeds alone", () => {
  for (const protocol of [embeddedProtocol, quickProtocol]) {
    for (
      const task of planTasks(protocol).filter(({ pair }) => pair !== figurePair(protocol).name)
    ) {
      if (task.kind === "evaluation") assert.equal(task.domain, protocol.tableDomain);
      if (!isCalibrated(task.model)) continue;
      assert.ok(protocol.tableSeeds.includes(task.model.seed!));
      const { rows } = task.model.settings;
      assert.ok(rows === undefined || rows === protocol.tableCalibrationSize);
    }
  }
});

Deno.test("Figure 1 times both methods as the study ran them, distillation at its batch size", () => {
  const { wallClock, tableCalibrationSize, seeds } = embeddedProtocol;
  const timings = planTasks(embeddedProtocol).filter((task) => task.kind === "wall clock");
  for (const { model: { method, variant, settings, seed }, batchSize, repeat } of timings) {
    assert.deepEqual([variant, seed], ["study-faithful", seeds[0]]);
    assert.ok(wallClock.batchSizes.includes(batchSize) && repeat < wallClock.repeats);
    if (method === "activation-aware") assert.equal(settings.rows, tableCalibrationSize);
    else assert.deepEqual([settings.steps, settings.batch], [wallClock.steps, batchSize]);
  }
});

Deno.test("parts of a plan are tasks of the whole, in its order, and together they are all of it", () => {
  fc.assert(fc.property(anyProtocol, (protocol) => {
    const text = (task: StudyTask) => JSON.stringify(task);
    const whole = planTasks(protocol).map(text);
    const parts = ["wall clock", "tables", ...protocol.domains] as const;
    const seen = new Set<string>();
    for (const part of parts) {
      const tasks = planTasks(protocol, part).map(text);
      const places = tasks.map((task) => whole.indexOf(task));
      assert.ok(places.every((place) => place >= 0), part);
      assert.deepEqual(places, places.toSorted((a, b) => a - b), part);
      tasks.forEach((task) => seen.add(task));
    }
    assert.equal(seen.size, whole.length);
  }));
});

Deno.test("a domain's part scores the figures' pair on that domain alone", () => {
  const tasks = planTasks(embeddedProtocol, "code");
  assert.ok(tasks.every(({ pair }) => pair === figurePair(embeddedProtocol).name));
  // Three scores without text, one of them of a compressed model; 2 variants · 3 seeds · (5 sizes and a
  // distillation), compressed and scored.
  assert.equal(tasks.length, 3 + 1 + 2 * 36);
  for (const task of tasks) assert.equal(task.kind === "evaluation" ? task.domain : "code", "code");
});

Deno.test("the tables' part has every pair at one size on the tables' domain", () => {
  const { tableDomain, tableCalibrationSize, pairs } = embeddedProtocol;
  const tasks = planTasks(embeddedProtocol, "tables");
  // The figures' pair has three seeds, the others one and two repeats; each with two methods in two
  // variants, compressed, timed and scored.
  assert.equal(tasks.length, 4 * (3 + 1) + 3 * 4 * (3 * 1 + 3) + 3 * 2 * 4);
  assert.deepEqual([...new Set(tasks.map(({ pair }) => pair))], pairs.map(({ name }) => name));
  for (const task of tasks) {
    if (task.kind === "evaluation") assert.equal(task.domain, tableDomain);
    if (!isCalibrated(task.model)) continue;
    const { method, settings } = task.model;
    if (method === "activation-aware") assert.equal(settings.rows, tableCalibrationSize);
  }
});

Deno.test("methods are timed in turns: all of them once, before any is timed again", () => {
  const ofMethod = ({ model }: StudyTask) =>
    isCalibrated(model) && `${model.method} ${model.variant}`;
  const rounds = (tasks: readonly StudyTask[], length: number) =>
    Array.from(
      { length: tasks.length / length },
      (_, round) => tasks.slice(round * length, (round + 1) * length),
    );
  for (const { name } of embeddedProtocol.pairs) {
    const timed = planTasks(embeddedProtocol, "tables").filter(({ kind, pair }) =>
      pair === name && kind === "timing"
    );
    assert.equal(timed.length, 3 * 4);
    for (const round of rounds(timed, 4)) assert.equal(new Set(round.map(ofMethod)).size, 4);
  }
  const wallClock = planTasks(embeddedProtocol, "wall clock");
  for (const round of rounds(wallClock, 12)) {
    const points = round.map((task) =>
      `${ofMethod(task)} ${"batchSize" in task && task.batchSize}`
    );
    assert.equal(new Set(points).size, 12);
  }
});

Deno.test("the wall clock's part is Figure 1 alone", () => {
  const tasks = planTasks(embeddedProtocol, "wall clock");
  assert.equal(tasks.length, 36);
  assert.ok(tasks.every(({ kind }) => kind === "wall clock"));
});

/** A method that sees text, of no variants, with a sweep that is not the study's. */
const toy: Method = {
  kind: "closed form",
  name: "toy",
  summary: "for tests",
  module: import.meta.url,
  settings: { rank: { kind: "whole number", default: 3, minimum: 1, maximum: 9, help: "rank" } },
  variants: {},
  sweep: "rank",
  look: { hue: "blue", marker: "x" },
  sees: () => "fine inputs",
  rows: () => ({ rows: 1, padding: "left out" }),
  form: () => ({ role: "delta", terms: [] }),
  compress: () => Promise.reject(new Error("is not run")),
};

/** What a plan does with a method's name: kinds of its tasks, with its variants and settings. */
function uses(tasks: readonly StudyTask[], name: string): string[] {
  const models = tasks.map(({ kind, model }) => ({ kind, model }));
  return [
    ...new Set(
      models.filter(({ model }) => typeof model !== "string" && model.method === name)
        .map(({ kind, model }) => JSON.stringify([kind, model])),
    ),
  ];
}

Deno.test("a method that is added to the list changes no plan but of a protocol that names it", () => {
  const before = planTasks(quickProtocol);
  methods.push(toy);
  try {
    assert.deepEqual(planTasks(quickProtocol), before);
    const withToy = { ...quickProtocol, methods: ["toy"] };
    const tasks = planTasks(withToy);
    const model = { method: "toy", variant: null, settings: { rank: 3 }, seed: 1 };
    assert.deepEqual(
      uses(tasks, "toy").toSorted(),
      ["compression", "evaluation", "timing", "wall clock"].map((kind) =>
        JSON.stringify([kind, model])
      ),
    );
    const others = tasks.filter(({ model }) => typeof model === "string" || model.method !== "toy");
    assert.deepEqual(others, before);
    // In all of its own variants, where it has none of the protocol's.
    const variants = { one: { rank: 1 }, two: { rank: 2 } };
    methods[methods.length - 1] = { ...toy, variants };
    const ranks = planTasks(withToy, "tables").flatMap(({ kind, model }) =>
      kind === "compression" && model.method === "toy" ? [model.settings.rank] : []
    );
    assert.deepEqual([...new Set(ranks)], [1, 2]);
  } finally {
    methods.pop();
  }
  assert.throws(
    () => planTasks({ ...quickProtocol, methods: ["toy"] }),
    (error) => error instanceof OptionError && /names no method: got 'toy'/.test(error.message),
  );
});
