import assert from "node:assert/strict";
import type { Placed } from "../../lib/graph/placed.ts";
import { Residents } from "../../lib/graph/residents.ts";

const model = {};

/** Numbers of a hundred bytes, in a list of those that are placed. */
class Room {
  readonly placed: string[] = [];
  readonly residents = new Residents();

  place(name: string): Promise<Placed> {
    this.placed.push(name);
    const release = () => void this.placed.splice(this.placed.indexOf(name), 1);
    return Promise.resolve({ length: 25, byteLength: 100, release });
  }

  /** Reads a tensor once. */
  async read(name: string, keeper: object | null, of = model): Promise<void> {
    using _held = await this.residents.take({ of, name }, keeper, () => this.place(name));
  }
}

Deno.test("what has a keeper stays, what has none goes after its run", async () => {
  const room = new Room();
  await room.read("a", model);
  await room.read("b", null);
  await room.read("a", null);
  assert.deepEqual(room.placed, ["a"]);
  room.residents.drop(model);
  assert.deepEqual(room.placed, []);
});

Deno.test("two models share what has one origin, until the last of them goes", async () => {
  const room = new Room();
  const [first, second] = [{}, {}];
  await Promise.all([room.read("a", first), room.read("a", second), room.read("a", null)]);
  await room.read("a", second, {});
  assert.deepEqual(room.placed, ["a", "a"]);
  room.residents.drop(first);
  assert.deepEqual(room.placed, ["a", "a"]);
  room.residents.drop(second);
  assert.deepEqual(room.placed, []);
});

Deno.test("what was used least recently gives way, and never what a run reads", async () => {
  const room = new Room();
  for (const name of ["a", "b", "c", "d"]) await room.read(name, model);
  await room.read("a", model);
  const reads = { of: model, name: "b" };
  const held = await room.residents.take(reads, model, () => room.place("b"));
  assert.equal(room.residents.evict(101), 200);
  assert.deepEqual(room.placed, ["a", "b"]);
  assert.equal(room.residents.evict(1000), 100);
  assert.deepEqual(room.placed, ["b"]);
  assert.equal(room.residents.evict(1), 0);
  assert.deepEqual(room.residents.evictions, { weights: 3, bytes: 300 });
  held[Symbol.dispose]();
  held[Symbol.dispose]();
  assert.deepEqual(room.placed, ["b"]);
  assert.equal(room.residents.evict(1), 100);
});

Deno.test("once weights gave way no others stay, until a model has gone", async () => {
  const room = new Room();
  const other = {};
  for (const name of ["a", "b", "c"]) await room.read(name, model);
  room.residents.evict(1);
  // In turns, as a forward pass reads them: those that are left stay, the others come and go.
  for (const name of ["a", "b", "c", "a", "b", "c"]) await room.read(name, model);
  assert.deepEqual(room.placed, ["b", "c"]);
  await room.read("d", other);
  assert.deepEqual(room.placed, ["b", "c"]);
  room.residents.drop(model);
  await room.read("d", other);
  assert.deepEqual(room.placed, ["d"]);
});

Deno.test("what is prepared is there for its run, and gives way before", async () => {
  const room = new Room();
  const [next, a] = [{}, { of: model, name: "a" }];
  await room.residents.prepare(a, next, () => room.place("a"));
  await room.residents.prepare(a, next, () => room.place("a"));
  assert.deepEqual(room.placed, ["a"]);
  {
    using _held = await room.residents.take(a, null, () => room.place("a"));
    room.residents.drop(next, a);
    assert.deepEqual(room.placed, ["a"]);
  }
  assert.deepEqual(room.placed, []);
  await room.residents.prepare(a, next, () => room.place("a"));
  assert.equal(room.residents.evict(1), 100);
  assert.deepEqual(room.placed, []);
  // It never stayed.
  assert.deepEqual(room.residents.evictions, { weights: 0, bytes: 0 });
});

Deno.test("what could not be placed is placed anew, and what comes late is released", async () => {
  const room = new Room();
  const a = { of: model, name: "a" };
  const failing = () => Promise.reject(new Error("no room"));
  await assert.rejects(room.residents.take(a, model, failing), /no room/);
  await assert.rejects(room.residents.prepare(a, model, failing), /no room/);
  await room.read("a", model);
  assert.deepEqual(room.placed, ["a"]);
  const { promise, resolve } = Promise.withResolvers<Placed>();
  const late = room.residents.prepare({ of: model, name: "b" }, model, () => promise);
  room.residents.drop(model);
  resolve(await room.place("b"));
  await late;
  await promise;
  assert.deepEqual(room.placed, []);
});
