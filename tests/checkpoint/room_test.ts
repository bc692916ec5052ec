import assert from "node:assert/strict";
import { giveRoom, isLittle, roomFor } from "../../lib/checkpoint/room.ts";

const LARGE = 2 ** 23;

Deno.test("room that was given back is given again, once, to what is as large", () => {
  const first = roomFor(LARGE);
  assert.ok(!isLittle(LARGE) && first.buffer instanceof SharedArrayBuffer);
  const other = roomFor(LARGE);
  assert.notEqual(other.buffer, first.buffer);
  giveRoom(first);
  giveRoom(first);
  assert.notEqual(roomFor(LARGE + 4).buffer, first.buffer);
  assert.equal(roomFor(LARGE).buffer, first.buffer);
  assert.notEqual(roomFor(LARGE).buffer, first.buffer);
});

Deno.test("memory of others is not taken, nor that of little room", () => {
  const own = new Uint8Array(new SharedArrayBuffer(LARGE + 8));
  giveRoom(own);
  assert.notEqual(roomFor(LARGE + 8).buffer, own.buffer);
  const little = roomFor(16);
  giveRoom(little);
  assert.ok(little.buffer instanceof ArrayBuffer);
  assert.notEqual(roomFor(16).buffer, little.buffer);
});

Deno.test("what is kept for later is bounded", () => {
  const size = 2 ** 26;
  const rooms = Array.from({ length: 8 }, () => roomFor(size));
  rooms.forEach(giveRoom);
  const again = new Set(Array.from({ length: 8 }, () => roomFor(size).buffer));
  // 384 MiB: the last six.
  assert.deepEqual(rooms.map(({ buffer }) => again.has(buffer)), [
    false,
    false,
    ...Array(6).fill(true),
  ]);
});

Deno.test("what is as large as a table of embeddings is not kept, and displaces nothing", () => {
  const [weight, table] = [roomFor(LARGE + 12), roomFor(2 ** 27 + 1)];
  giveRoom(weight);
  giveRoom(table);
  assert.equal(roomFor(LARGE + 12).buffer, weight.buffer);
  assert.notEqual(roomFor(2 ** 27 + 1).buffer, table.buffer);
});
