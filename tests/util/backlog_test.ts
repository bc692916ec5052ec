import assert from "node:assert/strict";
import { Backlog } from "../../lib/util/backlog.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("work is taken while there is room for it, and waits where there is none", async () => {
  await using backlog = new Backlog(100);
  const ends = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const taken: number[] = [];
  const adding = [60, 40, 10].map((bytes, index) => {
    return backlog.add(bytes, () => ends[index].promise).then(() => taken.push(index));
  });
  await turn();
  assert.deepEqual(taken, [0, 1]);
  ends[1].resolve();
  await turn();
  assert.deepEqual(taken, [0, 1, 2]);
  ends.forEach(({ resolve }) => resolve());
  await Promise.all(adding);
  await backlog.done();
});

Deno.test("what takes more than there is room for is taken by itself", async () => {
  await using backlog = new Backlog(10);
  let done = false;
  await backlog.add(50, async () => {
    await turn();
    done = true;
  });
  await backlog.add(1, () => Promise.resolve(assert.ok(done)));
  await backlog.done();
});

Deno.test("a failure is told by what is added next and at the end, when all has ended", async () => {
  const backlog = new Backlog(100);
  let ended = false;
  const failing = Promise.withResolvers<void>();
  await backlog.add(1, () => failing.promise);
  await backlog.add(1, async () => {
    await turn();
    ended = true;
  });
  failing.reject(new Error("no space"));
  await turn();
  await assert.rejects(backlog.add(1, () => Promise.resolve()), /no space/);
  await assert.rejects(backlog.done(), /no space/);
  assert.ok(ended);
  await backlog[Symbol.asyncDispose]();
});
