/** Which sessions are used again, and by whom: with a runtime that counts what it makes. */

import assert from "node:assert/strict";
import type * as Runtime from "onnxruntime-node";
import { openSession, type SessionOptions } from "../../../lib/engines/onnx/sessions.ts";

/** A runtime whose sessions say their own number. */
function counting() {
  const held = { made: 0, released: 0 };
  const create = (_model: Uint8Array, { intraOpNumThreads }: { intraOpNumThreads: number }) => {
    const number = held.made++;
    return Promise.resolve({
      run: () => Promise.resolve({ number, intraOpNumThreads }),
      release: () => Promise.resolve(void held.released++),
    });
  };
  return { held, runtime: { InferenceSession: { create } } as unknown as typeof Runtime };
}

const small: SessionOptions = { threads: 1, isStretch: false, largest: 100 };

Deno.test("a small session that is released serves the next one of its model and threads alone", async () => {
  const { held, runtime } = counting();
  const open = (model: number, options = small) =>
    openSession(runtime, Uint8Array.of(7, model), options);
  const [first, beside, other] = [await open(1), await open(1), await open(2)];
  assert.equal(held.made, 3);
  await first.release();
  // Of one that is given back twice nobody else is to lose it.
  await first.release();
  await assert.rejects(first.run({}, {}), /is released/);
  const [again, more, threaded] = [
    await open(1),
    await open(1),
    await open(1, { ...small, threads: 2 }),
  ];
  assert.deepEqual(await again.run({}, {}), { number: 0, intraOpNumThreads: 1 });
  assert.deepEqual(await more.run({}, {}), { number: 3, intraOpNumThreads: 1 });
  assert.deepEqual(await threaded.run({}, {}), { number: 4, intraOpNumThreads: 2 });
  assert.equal(held.released, 0);
  for (const each of [beside, other, again, more, threaded]) await each.release();
});

Deno.test("what is large is freed when it is released, and of many that wait those least lately used", async () => {
  const { held, runtime } = counting();
  const model = Uint8Array.of(8);
  const large = { ...small, largest: 2 ** 20 };
  await (await openSession(runtime, model, large)).release();
  await (await openSession(runtime, new Uint8Array(2 ** 17), small)).release();
  assert.deepEqual(held, { made: 2, released: 2 });
  const wide = { ...small, threads: 40 };
  for (let at = 0; at < 10; at++) {
    await (await openSession(runtime, Uint8Array.of(9, at), wide)).release();
  }
  assert.ok(held.made - held.released <= 128 / 40, `${held.made - held.released} wait`);
  await openSession(runtime, Uint8Array.of(9, 9), wide);
  assert.equal(held.made, 12);
  await openSession(runtime, Uint8Array.of(9, 0), wide);
  assert.equal(held.made, 13);
});
