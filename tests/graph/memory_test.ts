import assert from "node:assert/strict";
import { MemoryBudget } from "../../lib/graph/memory.ts";

Deno.test("what is kept leaves a quarter free, or as much as it asks for", () => {
  const memory = new MemoryBudget(1000);
  assert.equal(memory.keep(751), null);
  assert.equal(memory.keep(501, 500), null);
  using first = memory.keep(500, 500);
  assert.notEqual(first, null);
  using second = memory.keep(250);
  assert.notEqual(second, null);
  assert.equal(memory.keep(1), null);
});

Deno.test("one value takes a 128th, and 64 MiB at most", () => {
  assert.equal(new MemoryBudget(1280, { atOnce: 20 }).atOnce, 20);
  assert.equal(new MemoryBudget(1280).atOnce, 10);
  assert.equal(new MemoryBudget(2 ** 33).atOnce, 2 ** 26);
  assert.equal(new MemoryBudget(2 ** 40).atOnce, 2 ** 26);
});

Deno.test("room is free again once it is disposed of, and once only", () => {
  const memory = new MemoryBudget(1000);
  const first = memory.keep(400)!;
  using _second = memory.keep(350);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(memory.keep(401), null);
  using third = memory.keep(400);
  assert.notEqual(third, null);
});

Deno.test("memory without bounds keeps all, and what is placed ahead takes a quarter where it may", () => {
  const unbounded = new MemoryBudget(Infinity, { ahead: true });
  assert.notEqual(unbounded.keep(2 ** 60), null);
  assert.equal(unbounded.ahead, Infinity);
  assert.equal(new MemoryBudget(1000, { ahead: true }).ahead, 250);
  assert.equal(new MemoryBudget(1000).ahead, 0);
});
