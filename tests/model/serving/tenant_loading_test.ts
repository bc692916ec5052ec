/** Tenants that come and go while others run: what is left of a load that fails, slots, and what is refused. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { Delta } from "../../../lib/delta/delta.ts";
import type { Engine, Reserved } from "../../../lib/graph/engine.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { DeltaError, ServingError } from "../../../lib/util/errors.ts";
import { tinyPair } from "../../methods/tiny_pair.ts";
import { continueTogether } from "./mixed_batch.ts";

const SIZES = { longest: 32, chunk: 4, mostRows: 8 };
const PROMPTS = [[1, 4, 7, 2, 9]];

/** An engine that counts the bytes that are reserved. */
function countedEngine(device: "cpu" | "webgpu" = "cpu") {
  const engine = onnxEngine({ threads: 1 });
  const held = new Map<Reserved, number>();
  const counted: Engine = {
    ...engine,
    details: { ...engine.details, device },
    async reserve(info, name) {
      const reserved = await engine.reserve(info, name);
      const release = reserved.release.bind(reserved);
      held.set(reserved, reserved.byteLength);
      reserved.release = () => {
        held.delete(reserved);
        release();
      };
      return reserved;
    },
  };
  return { engine: counted, bytes: () => held.values().reduce((sum, each) => sum + each, 0) };
}

/** The same delta, which does something else when it is read for the `at`-th time. */
function interrupted(delta: Delta, at: number, then: () => void): Delta {
  let count = 0;
  const step = () => {
    if (++count === at) then();
  };
  return {
    ...delta,
    readLayer: (name) => (step(), delta.readLayer(name)),
    readWhole: (name) => (step(), delta.readWhole(name)),
  };
}

Deno.test("of a load that fails or is stopped anywhere nothing is left, and others go on", async () => {
  await using pair = await tinyPair();
  const { engine, bytes } = countedEngine();
  await using model = await TenantModel.open(engine, pair.base, SIZES);
  await model.load("first", pair.initial);
  const before = bytes();
  const [alone] = await continueTogether(model, ["first"], PROMPTS, 4);
  const reads = pair.initial.layers.size + pair.initial.whole.size;
  for (const at of [1, 2, 9, reads - 3, reads]) {
    const broken = interrupted(pair.initial, at, () => {
      throw new DeltaError({ problem: "is not as it was written", expected: "its digest" });
    });
    await assert.rejects(model.load("other", broken), /is not as it was written/);
    const stop = new AbortController();
    const stopped = interrupted(pair.initial, at, () => stop.abort(new Error("stopped")));
    await assert.rejects(model.load("other", stopped, { signal: stop.signal }), /^Error: stopped$/);
    assert.equal(bytes(), before, `${at}`);
  }
  assert.deepEqual([...model.tenants.keys()], ["first"]);
  assert.deepEqual((await continueTogether(model, ["first"], PROMPTS, 4))[0], alone);
  await model.load("other", pair.initial);
  const [first, other] = await continueTogether(model, ["first", "other"], PROMPTS, 4);
  assert.deepEqual([first, other], [alone, alone]);
});

for (const device of ["cpu", "webgpu"] as const) {
  Deno.test(`tables grow and slots are used again, as on ${device}: no bytes are left`, async () => {
    await using pair = await tinyPair();
    const { engine, bytes } = countedEngine(device);
    await using model = await TenantModel.open(engine, pair.base, SIZES);
    const before = bytes();
    await model.load("0", pair.initial);
    const [alone] = await continueTogether(model, ["0"], PROMPTS, 3);
    for (const name of ["1", "2", "3", "4"]) await model.load(name, pair.initial);
    model.unload("1");
    model.unload("3");
    await model.load("5", pair.initial);
    const names = ["4", "0", "5", "2"];
    for (const each of await continueTogether(model, names, PROMPTS, 3)) {
      assert.deepEqual(each, alone);
    }
    names.forEach((each) => model.unload(each));
    // Freed between steps.
    await continueTogether(model, [null], PROMPTS, 1);
    assert.equal(bytes(), before);
  });
}

Deno.test("tables that grow while another is loaded are those that others' steps read at once", async () => {
  await using pair = await tinyPair();
  const { engine } = countedEngine("webgpu");
  await using model = await TenantModel.open(engine, pair.base, SIZES);
  await model.load("first", pair.initial);
  const [alone] = await continueTogether(model, ["first"], PROMPTS, 4);
  const { layers, whole } = pair.initial;
  const found: ReturnType<typeof continueTogether>[] = [];
  for (const at of [2, 9, layers.size + whole.size]) {
    const delta = interrupted(pair.initial, at, () => {
      found.push(continueTogether(model, ["first"], PROMPTS, 4));
    });
    await model.load(`${at}`, delta);
  }
  for (const each of await Promise.all(found)) assert.deepEqual(each, [alone]);
});

Deno.test("a tenant that is loaded, or being loaded, or runs, or is none, is told so", async () => {
  await using pair = await tinyPair();
  await using model = await TenantModel.open(onnxEngine({ threads: 1 }), pair.base, SIZES);
  const loading = model.load("a", pair.initial);
  const taken = (error: unknown) => {
    assert.ok(error instanceof ServingError);
    assert.match(error.message, /'name': is taken: got 'a'/);
    return true;
  };
  await assert.rejects(model.load("a", pair.initial), taken);
  await loading;
  await assert.rejects(model.load("a", pair.initial), taken);
  const sequence = model.start("a", 4);
  assert.throws(() => model.unload("a"), /'a' cannot be unloaded while sequences.*got 1/);
  sequence.release();
  model.unload("a");
  for (const call of [() => model.unload("a"), () => model.start("a", 4)]) {
    assert.throws(call, /is no tenant: got 'a'; expected one that is loaded first/);
  }
});

Deno.test("a delta of another base is refused before anything is loaded", async () => {
  await using pair = await tinyPair();
  await using model = await TenantModel.open(onnxEngine({ threads: 1 }), pair.fine, SIZES);
  await assert.rejects(model.load("a", pair.initial), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /was made for another base/);
    return true;
  });
});

Deno.test("a model that is closed stops a load, and frees what it had", async () => {
  await using pair = await tinyPair();
  const { engine, bytes } = countedEngine();
  const model = await TenantModel.open(engine, pair.base, SIZES);
  let closed: Promise<void> | null = null;
  const delta = interrupted(pair.initial, 9, () => closed = model[Symbol.asyncDispose]());
  await assert.rejects(model.load("a", delta), (error) => {
    assert.ok(error instanceof ServingError);
    assert.match(error.message, /was closed while a tenant was loaded/);
    return true;
  });
  await closed;
  assert.equal(bytes(), 0);
});

Deno.test("others run between the layers of a load", async () => {
  await using pair = await tinyPair();
  await using model = await TenantModel.open(onnxEngine({ threads: 1 }), pair.base, SIZES);
  const sequence = model.start(null, 8);
  await model.prefill(sequence, Int32Array.of(3));
  const order: string[] = [];
  let ran: Promise<unknown> = Promise.resolve();
  const delta = interrupted(pair.initial, 3, () => {
    ran = model.decode([{ sequence, token: 5 }]).then(() => order.push("decoded"));
  });
  await model.load("a", delta);
  order.push("loaded");
  await ran;
  assert.deepEqual(order, ["decoded", "loaded"]);
});
