/** What steps place and compile is freed, whether they end, fail or are stopped, and what stays goes with the model. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { Engine, Placed, Program } from "../../../lib/graph/engine.ts";
import { MemoryBudget } from "../../../lib/graph/memory.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { ServingError } from "../../../lib/util/errors.ts";
import { randomModel, randomTokens, tinyConfig } from "../random_model.ts";

const model = randomModel({ ...tinyConfig, slidingWindow: null }, 17);
const sizes = { longest: 60, chunk: 12, mostRows: 4 };

/** An engine that counts what it holds, and fails in a run when it is told to. */
function counting(memory = new MemoryBudget()) {
  const inner = onnxEngine({ threads: 1 });
  const held = { placed: 0, reserved: 0, programs: 0 };
  const state = { held, runsLeft: Infinity, fault: new Error("the device is lost") };
  const count = <Each extends { release(): unknown }>(
    each: Each,
    kind: keyof typeof held,
  ): Each => {
    held[kind]++;
    const release = each.release.bind(each);
    let isHeld = true;
    each.release = () => {
      if (isHeld) held[kind]--;
      isHeld = false;
      return release();
    };
    return each;
  };
  const run = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (state.runsLeft-- <= 0) throw state.fault;
    return await work();
  };
  const engine: Engine = {
    ...inner,
    memory,
    place: async (numbers) => count(await inner.place(numbers), "placed"),
    reserve: async (info, name) => count(await inner.reserve(info, name), "reserved"),
    async compile(outputs) {
      const program = await inner.compile(outputs);
      const counted: Program = {
        run: (feeds) => run(() => program.run(feeds)),
        keep: (feeds) =>
          run(async () => {
            const kept = Object.entries(await program.keep(feeds));
            return Object.fromEntries(
              kept.map(([name, each]): [string, Placed] => [name, count(each, "placed")]),
            );
          }),
        release: () => program.release(),
      };
      return count(counted, "programs");
    },
  };
  return { engine, state };
}

Deno.test("what a step placed is freed when it ends and when it fails, and the model goes on", async () => {
  const { engine, state } = counting();
  const tokens = randomTokens(tinyConfig, 12, 18);
  const alone = randomTokens(tinyConfig, 1, 19)[0];
  await using host = await TenantModel.open(engine, model, sizes);
  const [first, second] = [1, 2].map(() => host.start(null, 30));
  await host.prefill(first, tokens);
  const { placed } = state.held;
  await host.prefill(second, tokens);
  const [expected] = await host.decode([{ sequence: first, token: alone }]);
  assert.equal(state.held.placed, placed);
  // Embedding, two layers and the head, of which each fails once.
  for (const runs of [0, 1, 2, 3]) {
    state.runsLeft = runs;
    await assert.rejects(host.decode([{ sequence: second, token: alone }]), state.fault);
    assert.deepEqual([state.held.placed, second.length], [placed, 12]);
  }
  state.runsLeft = 4;
  assert.deepEqual((await host.decode([{ sequence: second, token: alone }]))[0], expected);
  for (const each of [first, second]) each.release();
});

Deno.test("nothing is left of a model that is disposed of, or whose opening fails or is stopped", async () => {
  const memory = new MemoryBudget(1e6);
  const { engine, state } = counting(memory);
  const assertNothingLeft = () => {
    assert.deepEqual(state.held, { placed: 0, reserved: 0, programs: 0 });
    const room = memory.keep(7.5e5);
    assert.ok(room);
    room[Symbol.dispose]();
  };
  const host = await TenantModel.open(engine, model, sizes);
  const sequence = host.start(null, 20);
  const running = host.prefill(sequence, randomTokens(tinyConfig, 12, 20));
  await host[Symbol.asyncDispose]();
  assert.equal((await running).length, tinyConfig.vocabularySize);
  assertNothingLeft();
  await assert.rejects(host.decode([{ sequence, token: 1 }]), ServingError);

  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ done }: { done: number }) => {
    if (done === 5) controller.abort(reason);
  };
  const watch = { onProgress, signal: controller.signal };
  await assert.rejects(TenantModel.open(engine, model, { ...sizes, ...watch }), reason);
  assertNothingLeft();
  await assert.rejects(
    TenantModel.open(engine, model, { ...sizes, cacheTokens: 1e9 }),
    ServingError,
  );
  assertNothingLeft();
  const broken = { ...model, readFloat32: () => Promise.reject(reason) };
  await assert.rejects(TenantModel.open(engine, broken, sizes), reason);
  assertNothingLeft();
});
