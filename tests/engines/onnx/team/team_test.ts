/** Threads that divide work: each item is done once, all take part, and what fails is told and leaves them whole. */

import assert from "node:assert/strict";
import { MEMORIES } from "../../../../lib/engines/onnx/team/kernel.ts";
import { SharedMemories } from "../../../../lib/engines/onnx/team/shared_memory.ts";
import { Team, type TeamWork } from "../../../../lib/engines/onnx/team/team.ts";
import { loop } from "../../../../lib/engines/onnx/team/loops.ts";
import { get, stepFunction } from "../../../../lib/engines/onnx/team/text.ts";
import { DeviceError } from "../../../../lib/util/errors.ts";
import { assembleModule } from "../../../../lib/util/wasm.ts";

const COUNT = 1000;

const place = `(i32.add ${get("counts")} (i32.shl ${get("i")} (i32.const 2)))`;
const body = (text: string) => loop("i", get("first"), get("end"), 1, text);
const names = ["counts", "met"];

/**
 * `count`: one more at each item, `slow`: after a while. `meet`: waits until as many threads as are asked for have
 * come, `fail`: two, of which one fails.
 */
const text = `(module ${MEMORIES}
  ${
  stepFunction(
    "count",
    names,
    "(local $i i32)",
    body(`(drop (i32.atomic.rmw.add $memory ${place} (i32.const 1)))`),
  )
}
  ${
  stepFunction(
    "slow",
    names,
    "(local $i i32) (local $j i32)",
    body(`${loop("j", "(i32.const 0)", get("met"), 1, "")}
      (drop (i32.atomic.rmw.add $memory ${place} (i32.const 1)))`),
  )
}
  ${
  stepFunction(
    "meet",
    names,
    "(local $i i32)",
    `(i32.store $memory (i32.add ${get("counts")} (i32.shl ${get("first")} (i32.const 2))) ${
      get("own")
    })
    (drop (i32.atomic.rmw.add $memory ${get("shared")} (i32.const 1)))
    (block (loop
      (br_if 1 (i32.ge_u (i32.atomic.load $memory ${get("shared")}) ${get("met")}))
      (br 0)))`,
  )
}
  ${
  stepFunction(
    "fail",
    names,
    "",
    `(drop (i32.atomic.rmw.add $memory ${get("shared")} (i32.const 1)))
    (block (loop
      (br_if 1 (i32.ge_u (i32.atomic.load $memory ${get("shared")}) (i32.const 2)))
      (br 0)))
    (if (i32.eq ${get("own")} ${get("met")}) (then unreachable))`,
  )
})`;

const code = await assembleModule("test.wat", text);
const memories = new SharedMemories();
let modules = 2 ** 20;
const module = { name: "test", id: modules++, code };

/** A step on memory of its own, of whose numbers a view is given. */
function work(run: string, items: number, grain: number, met = 0): [TeamWork, Int32Array] {
  const { memory, address } = memories.reserve(8 * COUNT, "a");
  const [shared, counts] = [address, address + 64];
  const others = { first: memory, second: memory, own: 64, ownBytes: 64 };
  const parameters = [shared, counts, met];
  const numbers = () => new Int32Array(memory.memory.buffer, counts, COUNT);
  return [{ module, run, items, grain, ...others, parameters }, numbers()];
}

for (const threads of [1, 2, 3]) {
  Deno.test(`${threads} threads do each item once, in any grain`, async () => {
    const team = new Team(threads);
    for (const [items, grain] of [[COUNT, 1], [COUNT, 7], [1, 1], [0, 1], [999, 5000]]) {
      const [each, counts] = work("count", items, grain);
      for (let time = 1; time <= 20; time++) await team.do(each);
      const expected = Int32Array.from({ length: COUNT }, (_, at) => at < items ? 20 : 0);
      assert.deepEqual(counts, expected);
    }
    team.end();
  });
}

Deno.test("all threads take part, each with scratch memory of its own", async () => {
  const team = new Team(3);
  const [each, counts] = work("meet", 3, 1, 3);
  await team.do(each);
  assert.deepEqual([...counts.subarray(0, 3)].sort((a, b) => a - b), [64, 128, 192]);
  team.end();
});

for (const [who, own] of [["the main thread", 64], ["a worker", 128]] as const) {
  Deno.test(`what fails on ${who} is told, and the next step is done`, async () => {
    const team = new Team(2);
    for (let time = 0; time < 2; time++) {
      const [fails] = work("fail", 2, 1, own);
      await assert.rejects(team.do(fails), (error: Error) => {
        assert.ok(error instanceof DeviceError);
        assert.match(
          error.message,
          /'test': fails on the thread team in 'fail': got '.*unreachable/,
        );
        return true;
      });
      const [each, counts] = work("count", COUNT, 3);
      await team.do(each);
      assert.deepEqual(counts, new Int32Array(COUNT).fill(1));
    }
    team.end();
  });
}

Deno.test("a memory is forgotten by all, and others are worked in afterwards", async () => {
  const team = new Team(2);
  const [before] = work("meet", 2, 1, 2);
  await team.do(before);
  team.forget(before.first);
  const [each, counts] = work("meet", 2, 1, 2);
  await team.do(each);
  assert.deepEqual([...counts.subarray(0, 2)].sort((a, b) => a - b), [64, 128]);
  team.end();
});

Deno.test("a team that ends in the middle of a step finishes it; timers have their turn meanwhile", async () => {
  const team = new Team(2);
  const [each, counts] = work("slow", 200, 1, 600_000);
  let ticks = 0;
  const timer = setInterval(() => {
    ticks++;
    team.end();
  }, 1);
  await team.do(each);
  clearInterval(timer);
  assert.ok(ticks > 0);
  assert.deepEqual(counts.subarray(0, 200), new Int32Array(200).fill(1));
  await team.do({ ...each, run: "count" });
  assert.deepEqual(counts.subarray(0, 200), new Int32Array(200).fill(2));
  team.end();
});

Deno.test("modules that come later are known to all", async () => {
  const team = new Team(2);
  for (let time = 0; time < 3; time++) {
    const [each, counts] = work("meet", 2, 1, 2);
    await team.do({ ...each, module: { ...module, id: modules++ } });
    assert.deepEqual([...counts.subarray(0, 2)].sort((a, b) => a - b), [64, 128]);
  }
  team.end();
});
