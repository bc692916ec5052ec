/** Tasks of numbers, which measure nothing: what a runner does with any. */

import assert from "node:assert/strict";
import * as v from "valibot";
import { MeasurementError, MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import { runTasks } from "../../lib/experiments/run.ts";
import { type Kind, measurementId, type Task } from "../../lib/experiments/task.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

type Key = { readonly addend: number; readonly to: readonly number[] };

const sums: Kind<Key, number> = {
  name: "sum",
  file: null,
  key: v.strictObject({ addend: v.number(), to: v.array(v.number()) }),
  result: v.number(),
};
const engine = { name: "none", details: { device: "cpu", chosen: "made up", facts: {} } } as const;

/** The sum of a number and of the results of other tasks; `begin` is called before it is made. */
function sum(addend: number, needs: readonly Task<Key, number>[] = [], begin = () => {}) {
  const task: Task<Key, number> = {
    kind: sums,
    label: `plus ${addend}`,
    needs,
    key: (found) =>
      Promise.resolve({ addend, to: needs.map((each) => found(each).measurement.result) }),
    measure(found) {
      begin();
      const results = needs.map((each) => found(each).measurement.result);
      return Promise.resolve(results.reduce((all, each) => all + each, addend));
    },
  };
  return task;
}

Deno.test("tasks get the results of those that they need, are kept, and are made once", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  const made: number[] = [];
  const begin = (addend: number) => () => void made.push(addend);
  const one = sum(1, [], begin(1));
  const two = sum(2, [one], begin(2));
  const three = sum(3, [one, two], begin(3));
  // Another task of the same key: it is found.
  const same = sum(2, [sum(1)], begin(-2));
  const tasks = [one, two, three, same.needs[0], same];
  const run = await runTasks(tasks, { store, engine });
  assert.deepEqual(run.measurements.map(({ result }) => result), [1, 3, 7, 1, 3]);
  assert.deepEqual([run.made, made], [3, [1, 2, 3]]);
  assert.deepEqual(run.measurements[2], {
    id: measurementId("sum", { addend: 3, to: [1, 3] }),
    kind: "sum",
    key: { addend: 3, to: [1, 3] },
    engine: "none",
    device: engine.details,
    result: 7,
  });
  assert.deepEqual(await runTasks(tasks, { store, engine }), { ...run, made: 0 });
  assert.deepEqual(made, [1, 2, 3]);
});

Deno.test("what is claimed elsewhere is left, what needs it waits, and all else is made", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  const elsewhere = new MeasurementStore(folder.path);
  const claimed = sum(1);
  const id = measurementId("sum", { addend: 1, to: [] });
  await using stack = new AsyncDisposableStack();
  stack.use((await elsewhere.claim(id))!);
  const order: number[] = [];
  const needing = sum(2, [claimed], () => void order.push(2));
  const last = sum(3, [], () => {
    order.push(3);
    // The other process ends without a result: the task is anyone's again.
    void stack[Symbol.asyncDispose]();
  });
  const tasks = [claimed, needing, last];
  const { measurements, made } = await runTasks(tasks, { store, engine });
  assert.deepEqual(measurements.map(({ result }) => result), [1, 3, 3]);
  assert.deepEqual([made, order], [3, [3, 2]]);
  assert.deepEqual(filesIn(folder.path).filter((name) => !name.endsWith(".json")), []);
});

Deno.test("what another process keeps meanwhile is found, and not made", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  const key = { addend: 1, to: [] };
  const id = measurementId("sum", key);
  const claim = (await store.claim(id))!;
  const other = { id, kind: "sum", key, engine: "other", device: engine.details, result: 100 };
  const last = sum(3, [], () => {
    void store.put(other, "it").then(() => claim[Symbol.asyncDispose]());
  });
  const refused = sum(1, [], () => assert.fail("is made elsewhere"));
  const { measurements, made } = await runTasks([refused, last], { store, engine });
  assert.deepEqual([measurements[0], made], [other, 1]);
});

Deno.test("waiting for another process ends with the signal", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  await using _claim = await store.claim(measurementId("sum", { addend: 1, to: [] }));
  const controller = new AbortController();
  const abort = () => queueMicrotask(() => controller.abort(new Error("enough")));
  const { signal } = controller;
  await assert.rejects(
    runTasks([sum(1), sum(2, [], abort)], { store, engine, signal }),
    /enough/,
  );
});

Deno.test("a task that fails is claimed no longer, and what was made is kept", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  const fail = () => {
    throw new Error("broken");
  };
  await assert.rejects(runTasks([sum(1), sum(2, [], fail)], { store, engine }), /broken/);
  assert.deepEqual(filesIn(folder.path), [`${measurementId("sum", { addend: 1, to: [] })}.json`]);
  assert.equal((await runTasks([sum(1), sum(2)], { store, engine })).made, 1);
});

Deno.test("without leave to measure, the first that is missing is named", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  await runTasks([sum(1)], { store, engine });
  const run = runTasks([sum(1), sum(2)], { store, engine, measureMissing: false });
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof MeasurementError);
    assert.deepEqual([error.fault.file, error.fault.value], [folder.path, "plus 2"]);
    return true;
  });
});
