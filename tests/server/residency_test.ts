/** Tenants that come and go on a plain host, alone and under a scheduler. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Delta } from "../../lib/delta/delta.ts";
import { TenantLoadError, UnknownTenantError } from "../../lib/server/refusals.ts";
import { Residency, type ResidencyOptions } from "../../lib/server/residency.ts";
import { Scheduler } from "../../lib/server/scheduler.ts";
import { DeltaError, OptionError, ServingError } from "../../lib/util/errors.ts";
import { FakeClock, settled } from "./fake_clock.ts";
import { alone, read, request } from "./plain_answers.ts";
import { PlainHost } from "./plain_host.ts";

/** Deltas of 10 bytes each that can be opened, or not, and what was opened and closed. */
function deltas(residency: Residency, names: readonly string[]) {
  const state = { opened: [] as string[], open: 0, failure: null as Error | null };
  for (const name of names) {
    residency.add(name, {
      open() {
        state.opened.push(name);
        if (state.failure !== null) return Promise.reject(state.failure);
        state.open++;
        const delta = { bytes: 10, [Symbol.dispose]: () => void state.open-- };
        return Promise.resolve(delta as unknown as Delta & Disposable);
      },
    });
  }
  return state;
}

function resident(options: ResidencyOptions, names: readonly string[] = ["a", "b", "c", "d"]) {
  const host = new PlainHost({ pages: 200, mostRows: 2 });
  host.mostBytes = options.mostBytes ?? Infinity;
  const residency = new Residency(host, options);
  return { host, residency, state: deltas(residency, names) };
}

const loaded = (host: PlainHost) => [...host.tenants.keys()].sort().join("");

Deno.test("the tenant that was asked for longest ago goes; one that is held or pinned stays", async () => {
  for (const options of [{ mostBytes: 25 }, { mostTenants: 2 }]) {
    const { host, residency } = resident(options);
    const use = async (name: string) => (await residency.load(name)).release();
    await use("a");
    await use("b");
    assert.equal(loaded(host), "ab");
    await use("c");
    assert.equal(loaded(host), "bc");
    residency.hold("b")!.release();
    await use("a");
    assert.equal(loaded(host), "ab");
    const held = residency.hold("b")!;
    residency.hold("a")!.release();
    await use("d");
    assert.equal(loaded(host), "bd");
    held.release();
    held.release();
    residency.pin("b", true);
    await use("c");
    await use("a");
    assert.equal(loaded(host), "ab");
    residency.pin("a", true);
    await assert.rejects(use("c"), (error) => {
      assert.ok(error instanceof TenantLoadError);
      assert.match(
        error.message,
        /'c' cannot be loaded.*no room beside the tenants that are to stay/,
      );
      return true;
    });
    assert.equal(residency.tenant("c")!.failure instanceof TenantLoadError, true);
    residency.pin("a", false);
    await use("c");
    assert.equal(loaded(host), "bc");
    assert.deepEqual(
      residency.tenants(),
      [
        ["a", "on disk", 10, false],
        ["b", "loaded", 10, true],
        ["c", "loaded", 10, false],
        ["d", "on disk", 10, false],
      ].map(([name, state, bytes, pinned]) => ({
        name,
        state,
        bytes,
        pinned,
        running: 0,
        failure: null,
      })),
    );
  }
});

Deno.test("loads of one name are one, and a load that fails is told to all and tried again", async () => {
  const { host, residency, state } = resident({});
  const three = [1, 2, 3].map(() => residency.load("a"));
  assert.equal(residency.tenant("a")!.state, "loading");
  for (const hold of await Promise.all(three)) hold.release();
  assert.deepEqual(state.opened, ["a"]);
  state.failure = new DeltaError({ problem: "is cut short", file: "b", expected: "all of it" });
  const two = await Promise.allSettled([residency.load("b"), residency.load("b")]);
  for (const each of two) {
    assert.ok(each.status === "rejected" && each.reason instanceof TenantLoadError);
    assert.equal(each.reason.cause, state.failure);
  }
  assert.match(
    residency.tenant("b")!.failure!.message,
    /tenant 'b' cannot be loaded.*is cut short/,
  );
  state.failure = null;
  (await residency.load("b")).release();
  assert.equal(residency.tenant("b")!.failure, null);
  assert.deepEqual([state.opened, state.open], [["a", "b", "b"], 0]);
  assert.equal(loaded(host), "ab");
});

Deno.test("a source that is slow to open keeps no other tenant waiting, and ends when it is deleted", async () => {
  const { host, residency } = resident({}, ["a"]);
  residency.add("slow", {
    open: ({ signal }) =>
      new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason))),
  });
  const slow = residency.load("slow");
  (await residency.load("a")).release();
  assert.equal(loaded(host), "a");
  const removed = residency.remove("slow");
  await assert.rejects(slow, UnknownTenantError);
  await removed;
  assert.equal(residency.tenant("slow"), null);
});

Deno.test("a tenant is forgotten when nothing of it runs; a new one may have its name", async () => {
  const { host, residency } = resident({});
  const held = await residency.load("a");
  let changes = 0;
  const listening = new AbortController();
  residency.onChange(() => changes++, listening.signal);
  const removed = residency.remove("a");
  assert.equal(residency.tenant("a")!.state, "leaving");
  assert.equal(changes, 1);
  assert.equal(residency.hold("a"), null);
  await assert.rejects(residency.load("a"), UnknownTenantError);
  await assert.rejects(residency.remove("a"), UnknownTenantError);
  assert.throws(() => residency.pin("a", true), UnknownTenantError);
  assert.throws(() => deltas(residency, ["a"]), ServingError);
  assert.equal(loaded(host), "a");
  held.release();
  await removed;
  assert.deepEqual([loaded(host), residency.tenant("a")], ["", null]);
  listening.abort();
  const before = changes;
  deltas(residency, ["a"]);
  (await residency.load("a")).release();
  assert.equal(changes, before);
  assert.throws(() => new Residency(host, { mostTenants: 0 }), OptionError);
});

Deno.test("a tenant that is deleted while it is loaded leaves nothing, and its waiters are told", async () => {
  const { host, residency, state } = resident({});
  const loading = Promise.withResolvers<void>();
  host.during = () => loading.promise;
  const waiting = residency.load("a");
  const next = residency.load("b");
  await settled();
  const removed = residency.remove("a");
  await assert.rejects(waiting, UnknownTenantError);
  loading.resolve();
  await removed;
  (await next).release();
  assert.deepEqual([loaded(host), state.open], ["b", 0]);
});

Deno.test("a tenant that is deleted while it waits for room goes at once, and nobody gives way to it", async () => {
  const { host, residency } = resident({ mostTenants: 1 });
  const held = await residency.load("a");
  const refused = assert.rejects(residency.load("b"), UnknownTenantError);
  await settled();
  assert.equal(residency.hold("a"), null);
  let isGone = false;
  const gone = residency.remove("b").then(() => isGone = true);
  await settled();
  assert.ok(isGone);
  await Promise.all([refused, gone]);
  residency.hold("a")!.release();
  held.release();
  assert.equal(loaded(host), "a");
});

Deno.test("tenants share memory in turn: requests of all are answered though one tenant has room at a time", async () => {
  const fates = fc.array(
    fc.record({
      tenant: fc.constantFrom("a", "b", "c", "d"),
      mostTokens: fc.integer({ min: 1, max: 6 }),
      after: fc.nat(15),
      cancelled: fc.boolean().map((flag) => flag ? 3 : null),
    }),
    { maxLength: 16 },
  );
  await fc.assert(
    fc.asyncProperty(fates, fc.integer({ min: 1, max: 3 }), async (all, mostTenants) => {
      const { host, residency, state } = resident({ mostTenants });
      const clock = new FakeClock();
      await using scheduler = new Scheduler(host, { clock, tenants: residency });
      host.during = async () => {
        await settled();
      };
      const answers: Promise<void>[] = [];
      for (let turn = 0; turn <= 15; turn++) {
        for (const { tenant, mostTokens, after, cancelled } of all) {
          if (after !== turn) continue;
          const gone = new AbortController();
          const given = request({ tenant, mostTokens, signal: gone.signal });
          const reading = read(scheduler.submit(given)).then(
            (answer) => assert.deepEqual(answer, alone(given)),
            (error) => assert.ok(cancelled !== null && error === gone.signal.reason),
          );
          if (cancelled !== null) settled().then(settled).then(() => gone.abort());
          answers.push(reading);
        }
        await settled();
        assert.ok(host.tenants.size <= mostTenants);
      }
      await Promise.all(answers);
      // What nobody waits for any more is loaded all the same.
      do await settled(); while (residency.tenants().some(({ state }) => state === "loading"));
      assert.equal(host.sequences.size, 0);
      assert.equal(state.open, 0);
      assert.ok(residency.tenants().every(({ running }) => running === 0));
    }),
    { numRuns: 25 },
  );
});

Deno.test("a tenant whose requests never end gives way to one that waits to be loaded", async () => {
  const { host, residency } = resident({ mostTenants: 1 });
  await using scheduler = new Scheduler(host, { clock: new FakeClock(), tenants: residency });
  host.during = async () => {
    await settled();
  };
  const gone = new AbortController();
  let answered = 0;
  // Always one that runs, and one that comes.
  const busy = [1, 2].map(async () => {
    while (!gone.signal.aborted) {
      await read(scheduler.submit(request({ tenant: "a", mostTokens: 8 })));
      answered++;
    }
  });
  while (answered < 4) await settled();
  const other = read(scheduler.submit(request({ tenant: "b" })));
  const before = answered;
  assert.deepEqual(await other, alone(request({ tenant: "b" })));
  assert.ok(answered - before <= 3, `${answered - before} answers of the other`);
  gone.abort();
  await Promise.all(busy);
});

Deno.test("while a tenant is loaded, others' answers go on; its requests wait, time out and are cancelled alone", async () => {
  const { host, residency, state } = resident({});
  const clock = new FakeClock();
  const scheduler = new Scheduler(host, { clock, tenants: residency });
  (await residency.load("b")).release();
  const reading = Promise.withResolvers<void>();
  host.during = (name) => name === "load a" ? reading.promise : undefined;
  const gone = new AbortController();
  const [late, cancelled, patient] = [
    { firstWithin: 10 },
    { signal: gone.signal },
    {},
  ].map((more) => {
    const answer = read(scheduler.submit(request({ tenant: "a", ...more })));
    answer.catch(() => {});
    return answer;
  });
  await settled();
  const other = request({ tenant: "b" });
  assert.deepEqual(await read(scheduler.submit(other)), alone(other));
  gone.abort();
  await assert.rejects(cancelled);
  clock.advance(11);
  await assert.rejects(late, /within the time/);
  reading.resolve();
  assert.deepEqual(await patient, alone(request({ tenant: "a" })));

  state.failure = new DeltaError({ problem: "is of another base", expected: "this one" });
  const lost = [1, 2].map(() => read(scheduler.submit(request({ tenant: "c" }))));
  for (const each of lost) await assert.rejects(each, TenantLoadError);
  state.failure = null;
  assert.deepEqual(
    await read(scheduler.submit(request({ tenant: "c" }))),
    alone(request({ tenant: "c" })),
  );
  assert.deepEqual(state.opened, ["b", "a", "c", "c"]);
});

Deno.test("a tenant that is deleted while it answers: what runs comes to its end, what waits and what comes is refused", async () => {
  const { host, residency } = resident({});
  const scheduler = new Scheduler(host, {
    clock: new FakeClock(),
    tenants: residency,
    mostRunning: 1,
  });
  const given = request({ tenant: "a", mostTokens: 20 });
  const answer = scheduler.submit(given);
  const waiting = read(scheduler.submit(given));
  const steps: PromiseWithResolvers<void>[] = [];
  host.during = async () => {
    const step = Promise.withResolvers<void>();
    steps.push(step);
    await step.promise;
  };
  await settled();
  steps.shift()!.resolve();
  await settled();
  const removed = residency.remove("a");
  await assert.rejects(waiting, UnknownTenantError);
  assert.throws(() => scheduler.submit(given), UnknownTenantError);
  host.during = () => {};
  for (const step of steps) step.resolve();
  assert.deepEqual(await read(answer), alone(given));
  await removed;
  assert.equal(host.tenants.size, 0);
});
