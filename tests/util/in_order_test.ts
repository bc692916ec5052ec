import assert from "node:assert/strict";
import { inOrder } from "../../lib/util/in_order.ts";

/** Work whose end the test decides. */
function work() {
  const begun: number[] = [];
  const used: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<string>>();
  return {
    begun,
    used,
    end: (item: number) => ends.get(item)!.resolve(`result ${item}`),
    fail: (item: number) => ends.get(item)!.reject(new Error(`no ${item}`)),
    begin(item: number) {
      begun.push(item);
      ends.set(item, Promise.withResolvers());
      return ends.get(item)!.promise;
    },
    use(item: number, result: string) {
      assert.equal(result, `result ${item}`);
      used.push(item);
    },
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));
const items = [0, 1, 2, 3, 4];

Deno.test("work overlaps up to a count, and results are used in order however it ends", async () => {
  const { begun, used, end, begin, use } = work();
  const done = inOrder(items, { most: 3, mostBytes: 100, bytesOf: () => 1 }, begin, use);
  await turn();
  assert.deepEqual(begun, [0, 1, 2]);
  [2, 1].forEach(end);
  await turn();
  assert.deepEqual([begun, used], [[0, 1, 2], []]);
  end(0);
  await turn();
  assert.deepEqual([begun, used], [[0, 1, 2, 3, 4], [0, 1, 2]]);
  end(3);
  await turn();
  end(4);
  await done;
  assert.deepEqual(used, items);
});

Deno.test("work overlaps up to a number of bytes, and one item may take more by itself", async () => {
  const { begun, used, end, begin, use } = work();
  const bytesOf = (item: number) => [60, 40, 10, 500, 10][item];
  const done = inOrder(items, { most: 9, mostBytes: 100, bytesOf }, begin, use);
  await turn();
  assert.deepEqual(begun, [0, 1]);
  end(0);
  await turn();
  assert.deepEqual(begun, [0, 1, 2]);
  [1, 2].forEach(end);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3]);
  end(3);
  await turn();
  end(4);
  await done;
  assert.deepEqual(used, items);
});

Deno.test("what fails is told in its turn, when all that was begun has ended", async () => {
  const { begun, used, end, fail, begin, use } = work();
  let told = false;
  const done = inOrder(items, { most: 3, mostBytes: 100, bytesOf: () => 1 }, begin, use);
  const rejected = assert.rejects(done, /no 1/).then(() => told = true);
  await turn();
  fail(1);
  await turn();
  assert.deepEqual([told, used], [false, []]);
  end(0);
  await turn();
  assert.deepEqual([told, used], [false, [0]]);
  begun.slice(2).forEach(end);
  await rejected;
  assert.deepEqual(used, [0]);
});

Deno.test("nothing begins after an abort, and what has begun is waited for", async () => {
  const { begun, end, begin, use } = work();
  const controller = new AbortController();
  const overlap = { most: 2, mostBytes: 100, bytesOf: () => 1 };
  const done = inOrder(items, overlap, begin, use, controller.signal);
  let ended = false;
  const rejected = assert.rejects(done, /enough/).then(() => ended = true);
  await turn();
  controller.abort(new Error("enough"));
  end(0);
  await turn();
  assert.deepEqual([begun, ended], [[0, 1], false]);
  end(1);
  await rejected;
});
