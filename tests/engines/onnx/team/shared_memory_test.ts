/** Memory that threads share: zeros each time, more of it where one is full, and given back. */

import assert from "node:assert/strict";
import { SharedMemories } from "../../../../lib/engines/onnx/team/shared_memory.ts";
import { DeviceMemoryError } from "../../../../lib/util/errors.ts";

Deno.test("what is given back is taken again, as zeros", () => {
  const memories = new SharedMemories();
  const first = memories.reserve(1000, "a");
  const second = memories.reserve(10, "b");
  first.bytes.fill(7);
  second.bytes.fill(8);
  first.free();
  assert.equal(first.bytes.length, 0);
  first.free();
  const again = memories.reserve(900, "c");
  assert.deepEqual([again.memory, again.address], [first.memory, first.address]);
  assert.deepEqual(again.bytes, new Uint8Array(900));
  assert.deepEqual(second.bytes, new Uint8Array(10).fill(8));
});

Deno.test("a memory that is full is followed by another, and each takes room once it is written to", () => {
  const memories = new SharedMemories();
  const before = Deno.memoryUsage().rss;
  const blocks = [1, 2, 3].map(() => memories.reserve(1.5 * 2 ** 30, "a"));
  const [first, second, third] = blocks.map(({ memory }) => memory);
  assert.ok(first === second && second !== third);
  blocks[2].bytes[2 ** 30] = 1;
  assert.ok(Deno.memoryUsage().rss - before < 2 ** 28);
  blocks[0].free();
  assert.equal(memories.reserve(2 ** 10, "b").memory, first);
  assert.throws(
    () => memories.reserve(4 * 2 ** 30, "'table'"),
    (error: Error) => {
      assert.ok(error instanceof DeviceMemoryError);
      assert.match(
        error.message,
        /no room for 'table': got '4294967296 bytes'; expected .* 4 GB at/,
      );
      return true;
    },
  );
});

Deno.test("where kernels work is nobody else's, and moves when it has to be larger", () => {
  const memories = new SharedMemories();
  const { memory } = memories.reserve(100, "a");
  const address = memory.work(1000);
  assert.equal(memory.work(10), address);
  memory.view(address, 1000).fill(9);
  const block = memories.reserve(5000, "b");
  assert.deepEqual(block.bytes, new Uint8Array(5000));
  const larger = memory.work(2 ** 21);
  assert.ok(larger >= block.address + 5000 || larger + 2 ** 21 <= block.address);
  // What was worked in is zeros for its next holder.
  const next = memories.reserve(2 ** 20, "c");
  assert.equal(next.address, address);
  assert.ok(next.bytes.every((each) => each === 0));
});

Deno.test("a large memory that nobody uses is let go of, a small one is kept", () => {
  const memories = new SharedMemories();
  const small = memories.reserve(1000, "a");
  small.free();
  assert.equal(memories.reserve(1000, "b").memory, small.memory);
  const large = [1, 2, 3].map(() => memories.reserve(1.5 * 2 ** 30, "c"));
  const { memory } = large[2];
  const use = memory.hold();
  large[2].free();
  // A run still works there.
  assert.equal(memory.view(0, 64).length, 64);
  use[Symbol.dispose]();
  assert.throws(() => memory.view(0, 64));
  assert.notEqual(memories.reserve(3 * 2 ** 30, "d").memory, memory);
});
