/** Requests of many tenants on one plain host: what they are answered, whose turn it is, and what is left of them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { completeSampling } from "../../lib/model/serving/sampling_settings.ts";
import {
  DeadlineError,
  DrainingError,
  QueueFullError,
  UnknownTenantError,
} from "../../lib/server/refusals.ts";
import type { RequestRecord, ServingRequest } from "../../lib/server/request.ts";
import { Residency } from "../../lib/server/residency.ts";
import { Scheduler } from "../../lib/server/scheduler.ts";
import type { SchedulerOptions } from "../../lib/server/scheduler_options.ts";
import { OptionError, ServingError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { FakeClock, settled } from "./fake_clock.ts";
import { alone, read, request, whole } from "./plain_answers.ts";
import { PlainHost, VOCABULARY } from "./plain_host.ts";

function serving(host = new PlainHost(), options: SchedulerOptions = {}) {
  const clock = new FakeClock();
  for (const name of ["a", "b", "c"]) host.tenants.set(name, 1);
  const tenants = new Residency(host);
  const ended: RequestRecord[] = [];
  const listener = { ended: (record: RequestRecord) => void ended.push(record) };
  const scheduler = new Scheduler(host, { clock, tenants, listener, ...options });
  /** Asserts that nothing is left of any request. */
  const assertEmpty = () => {
    assert.equal(host.sequences.size, 0);
    assert.equal(clock.waiting, 0);
    const { running, waiting, roomUsed } = scheduler.statistics();
    assert.deepEqual([running, waiting, roomUsed], [0, 0, 0]);
    assert.ok(tenants.tenants().every((each) => each.running === 0));
  };
  return { host, clock, tenants, scheduler, ended, assertEmpty };
}

/** A host whose steps end when the test says so. */
function steppedHost(options?: ConstructorParameters<typeof PlainHost>[0]) {
  const host = new PlainHost(options);
  let next = Promise.withResolvers<void>();
  host.during = () => next.promise;
  const step = async () => {
    next.resolve();
    next = Promise.withResolvers();
    await settled();
  };
  return { host, step };
}

/** Asserts that an answer is lost by an error. */
async function assertLost(answer: Promise<unknown>, kind: new (...all: never[]) => Error) {
  await assert.rejects(answer, (error) => error instanceof kind);
}

/** A request of chance, and what becomes of it: read to its end, or left or cancelled after some steps. */
interface Case {
  readonly request: ServingRequest;
  readonly after: number;
  readonly fate: "read" | "cancelled" | "left" | "late reader";
  readonly steps: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  tenant: fc.constantFrom(null, "a", "b", "c"),
  prompt: fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: 20 }),
  mostTokens: fc.integer({ min: 1, max: 30 }),
  temperature: fc.constantFrom(0, 1),
  seed: fc.nat(100),
  presencePenalty: fc.constantFrom(0, 1),
  strings: fc.array(
    fc.string({ unit: fc.constantFrom(..."abcdefgh"), minLength: 1, maxLength: 3 }),
    {
      maxLength: 2,
    },
  ),
  tokens: fc.array(fc.nat(VOCABULARY - 1), { maxLength: 2 }),
  after: fc.nat(20),
  fate: fc.constantFrom("read", "read", "read", "cancelled", "left", "late reader"),
  steps: fc.nat(12),
}).map(({ tenant, prompt, mostTokens, strings, tokens, after, fate, steps, ...sampling }) => ({
  request: request({
    ...{ tenant, prompt: Int32Array.from(prompt), mostTokens },
    sampling: completeSampling(sampling, VOCABULARY),
    stops: { strings, tokens },
  }),
  ...{ after, steps, fate: fate as Case["fate"] },
}));

Deno.test("whatever comes, goes and is not read: every finished answer is that of its request alone, and nothing is left", async () => {
  const rooms = fc.record({
    pages: fc.integer({ min: 13, max: 60 }),
    mostRows: fc.integer({ min: 1, max: 4 }),
  });
  const limits = fc.record({
    mostRunning: fc.integer({ min: 1, max: 9 }),
    mostUnread: fc.integer({ min: 1, max: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(
      rooms,
      limits,
      fc.array(cases, { maxLength: 14 }),
      async (room, limits, all) => {
        const { host, step } = steppedHost(room);
        const { scheduler, ended, assertEmpty } = serving(host, limits);
        const answers: Promise<void>[] = [];
        const begin = ({ request, fate, steps }: Case) => {
          const aborted = new AbortController();
          const answer = scheduler.submit({ ...request, signal: aborted.signal });
          const later = async () => {
            for (let turn = 0; turn < steps; turn++) await settled();
          };
          const reading = async () => {
            if (fate === "late reader") await later();
            if (fate === "left") {
              await later();
              await answer.return();
              assert.deepEqual(await answer.next(), { done: true, value: undefined });
              return;
            }
            const reason = new Error("gone");
            if (fate === "cancelled") later().then(() => aborted.abort(reason));
            try {
              assert.deepEqual(await read(answer), alone(request));
            } catch (error) {
              if (error !== reason) throw error;
              assert.equal(fate, "cancelled");
            }
          };
          answers.push(reading());
        };
        for (let turn = 0; turn <= 20; turn++) {
          for (const each of all) if (each.after === turn) begin(each);
          await step();
        }
        let isOver = false;
        const over = Promise.all(answers).finally(() => isOver = true);
        for (let turn = 0; !isOver; turn++) {
          assert.ok(turn < 3000, "it does not end");
          await step();
        }
        await over;
        await step();
        assertEmpty();
        assert.equal(ended.length, all.length);
        const { tokens } = scheduler.statistics();
        assert.equal(tokens, ended.reduce((sum, record) => sum + record.tokens, 0));
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("a tenant with a hundred requests delays another's first token by two turns at most", async () => {
  for (const pages of [400, 31]) {
    const { host, step } = steppedHost({ pages, mostRows: 4, longest: 64 });
    const { scheduler } = serving(host, { mostRunning: 12 });
    const many = Array.from({ length: 100 }, (_, index) =>
      scheduler.submit(request({
        ...{ tenant: "a", mostTokens: 40, prompt: new Int32Array(20).fill(index % 32) },
      })));
    const random = new SeededRandom(pages);
    for (let round = 0; round < 12; round++) {
      for (let turn = random.integer(9); turn >= 0; turn--) await step();
      const before = host.steps.length;
      const answer = scheduler.submit(request({ tenant: "b", mostTokens: 4 }));
      const first = answer.next();
      let came = false;
      first.then(() => came = true);
      while (!came) await step();
      // A turn is one step of answers and one of a prompt.
      const steps = host.steps.slice(before);
      assert.ok(steps.length <= 4, steps.join(", "));
      assert.ok(steps.some((each) => each.startsWith("prefill b")));
      const rest = read(answer);
      let over = false;
      rest.then(() => over = true);
      while (!over) await step();
      assert.equal((await rest).tokens.length, 3);
    }
    assert.ok(pages > 31 || scheduler.statistics().preemptions > 0);
    host.during = () => {};
    const all = Promise.all(many.map(read));
    await step();
    for (const [index, answer] of (await all).entries()) {
      const prompt = new Int32Array(20).fill(index % 32);
      assert.deepEqual(answer, alone(request({ tenant: "a", mostTokens: 40, prompt })));
    }
  }
});

Deno.test("tenants have equal shares of steps, however many requests each has, and none starves", async () => {
  const { host, step } = steppedHost({ mostRows: 4, pages: 1000, longest: 400 });
  const { scheduler } = serving(host, { mostRunning: 40 });
  // A tenant was served alone for long; it owes nobody for that.
  const start = (tenant: string, count: number) =>
    Array.from({ length: count }, () => scheduler.submit(request({ tenant, mostTokens: 300 })));
  const all = [...start("a", 1)];
  for (let turn = 0; turn < 100; turn++) await step();
  all.push(...start("b", 20), ...start("c", 3), ...start("a", 2));
  for (let turn = 0; turn < 60; turn++) await step();
  const tokensOf = () =>
    ["a", "b", "c"].map((name) => scheduler.statistics().tenants.get(name)!.tokens);
  const before = tokensOf();
  for (let turn = 0; turn < 90; turn++) await step();
  const gained = tokensOf().map((tokens, index) => tokens - before[index]);
  const most = Math.max(...gained);
  for (const each of gained) assert.ok(each > 0.85 * most, gained.join(" "));
  for (const answer of all) await answer.return();
  await step();
  assert.equal(host.sequences.size, 0);
});

Deno.test("requests of one tenant take turns", async () => {
  const { host, step } = steppedHost({ mostRows: 2, pages: 1000, longest: 400 });
  const { scheduler } = serving(host, { mostRunning: 5 });
  const came = [0, 0, 0, 0, 0];
  const answers = came.map(() => scheduler.submit(request({ tenant: "a", mostTokens: 300 })));
  answers.forEach(async (answer, index) => {
    for await (const event of answer) if (event.kind === "token") came[index]++;
  });
  for (let turn = 0; turn < 100; turn++) await step();
  assert.ok(Math.max(...came) - Math.min(...came) <= 4, came.join(" "));
  for (const answer of answers) await answer.return();
  await step();
});

Deno.test("a tenant that asked for little and then asks for much takes no other's turn, and is even with it soon", async () => {
  const { host, step } = steppedHost({ mostRows: 4, pages: 5000, longest: 1500 });
  const { scheduler } = serving(host, { mostRunning: 12, mostUnread: 2000 });
  const start = (tenant: string, count: number) =>
    Array.from({ length: count }, () => scheduler.submit(request({ tenant, mostTokens: 1400 })));
  const all = [...start("b", 3), ...start("a", 1)];
  for (let turn = 0; turn < 1000; turn++) await step();
  all.push(...start("a", 6));
  for (let turn = 0; turn < 20; turn++) await step();
  const rows = async (turns: number) => {
    const before = host.steps.length;
    for (let turn = 0; turn < turns; turn++) await step();
    return host.steps.slice(before).filter((each) => each.startsWith("decode"));
  };
  const first = await rows(280);
  assert.ok(first.length > 200 && first.every((each) => each.includes("b")));
  const later = (await rows(40)).flatMap((each) => each.split(" ").slice(1));
  const share = later.filter((tenant) => tenant === "b").length / later.length;
  assert.ok(Math.abs(share - 0.5) < 0.05, `${share}`);
  for (const answer of all) await answer.return();
  await step();
});

Deno.test("the prompt of a tenant that has no answer yet goes before that of one that has", async () => {
  const { host, step } = steppedHost({ chunk: 8, pages: 200 });
  const { scheduler } = serving(host);
  const all = [scheduler.submit(request({ tenant: "a", mostTokens: 40 }))];
  for (let turn = 0; turn < 3; turn++) await step();
  const prompt = new Int32Array(30);
  for (const tenant of ["a", "b"]) all.push(scheduler.submit(request({ tenant, prompt })));
  for (let turn = 0; turn < 18; turn++) await step();
  const pieces = host.steps.filter((each) => each.startsWith("prefill")).slice(1);
  assert.deepEqual(pieces.map((each) => each[8]), [..."bbbbaaaa"]);
  for (const answer of all) await answer.return();
  await step();
});

Deno.test("a long prompt is run piece by piece, and answers go on beside it", async () => {
  const { host, step } = steppedHost({ chunk: 8, pages: 100 });
  const { scheduler } = serving(host);
  const short = read(scheduler.submit(request({ mostTokens: 20 })));
  await step();
  const prompt = Int32Array.from({ length: 43 }, (_, index) => index % 32);
  const long = read(scheduler.submit(request({ tenant: "a", prompt })));
  for (let turn = 0; turn < 14; turn++) await step();
  assert.deepEqual(
    host.steps.slice(0, 13),
    [
      "prefill null 3",
      "decode null",
      ...[8, 8, 8, 8, 8].flatMap((size) => [`prefill a ${size}`, "decode null"]),
      "prefill a 3",
    ].slice(0, 13),
  );
  host.during = () => {};
  await step();
  assert.equal((await short).tokens.length, 20);
  assert.deepEqual(await long, alone(request({ tenant: "a", prompt })));
});

Deno.test("a full queue refuses, and says when to come back; a tenant with few takes a place of one with many", async () => {
  const { host, step } = steppedHost({ pages: 100 });
  const { scheduler, clock } = serving(host, { mostRunning: 1, mostWaiting: 4 });
  const submit = (tenant: string) => scheduler.submit(request({ tenant, mostTokens: 2 }));
  const running = read(submit("a"));
  await settled();
  const waiting = Array.from({ length: 4 }, () => submit("a"));
  const refused = (run: () => unknown) => {
    let found: QueueFullError | undefined;
    assert.throws(run, (error) => {
      found = error as QueueFullError;
      return error instanceof QueueFullError;
    });
    return found!.retryAfter;
  };
  assert.equal(refused(() => submit("a")), 1);
  const other = submit("b");
  await assertLost(read(waiting[3]), QueueFullError);
  assert.equal(scheduler.statistics().waiting, 4);
  submit("b");
  await assertLost(read(waiting[2]), QueueFullError);
  refused(() => submit("b"));
  // Four seconds a request.
  const done = [running, read(waiting[0]), read(other)];
  for (let turn = 0; turn < 6; turn++) {
    clock.advance(2000);
    await step();
  }
  await Promise.all(done.slice(0, 1));
  for (let more = 0; more < 4; more++) {
    try {
      submit("a");
    } catch { /* full */ }
  }
  const seconds = refused(() => submit("a"));
  assert.ok(seconds >= 2 && seconds <= 8, `${seconds} s`);
  const over = scheduler[Symbol.asyncDispose]();
  await step();
  await over;
});

Deno.test("requests end by their deadlines, waiting or running, and by nobody else's", async () => {
  const { host, step } = steppedHost({ pages: 100 });
  const { scheduler, clock, ended, assertEmpty } = serving(host, { mostRunning: 1 });
  const running = scheduler.submit(request({ mostTokens: 30, wholeWithin: 100 }));
  const waiting = read(scheduler.submit(request({ firstWithin: 50, tenant: "a" })));
  const whole50 = read(scheduler.submit(request({ wholeWithin: 50, tenant: "a" })));
  const other = read(scheduler.submit(request({ tenant: "b", firstWithin: 1000, mostTokens: 2 })));
  for (const lost of [waiting, whole50]) lost.catch(() => {});
  for (let turn = 0; turn < 4; turn++) await step();
  clock.advance(60);
  await assertLost(waiting, DeadlineError);
  await assertLost(whole50, DeadlineError);
  clock.advance(60);
  const given = alone(request({ mostTokens: 30 }));
  const cut = await read(running);
  assert.equal(cut.reason, "deadline");
  assert.deepEqual(cut.tokens, given.tokens.slice(0, cut.tokens.length));
  assert.equal(cut.tokens.length, 3);
  host.during = () => {};
  await step();
  assert.deepEqual(await other, alone(request({ tenant: "b", mostTokens: 2 })));
  assertEmpty();
  const outcomes = ended.map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ["deadline", "deadline", "deadline", "length"]);
});

Deno.test("what a cancelled request has is free at once, or when its step is over", async () => {
  const { host, step } = steppedHost({ pages: 2, mostRows: 2 });
  const { scheduler, assertEmpty } = serving(host);
  const gone = new AbortController();
  const first = read(scheduler.submit(request({ signal: gone.signal })));
  const second = read(scheduler.submit(request({ tenant: "a" })));
  await step();
  assert.equal(host.sequences.size, 1);
  // In the middle of a step of its own.
  const reason = new Error("gone");
  gone.abort(reason);
  await assert.rejects(first, (error) => error === reason);
  assert.equal(host.sequences.size, 1);
  await step();
  assert.deepEqual([...host.sequences].map(({ tenant }) => tenant), ["a"]);
  host.during = () => {};
  await step();
  assert.deepEqual(await second, alone(request({ tenant: "a" })));
  assert.throws(
    () => scheduler.submit(request({ signal: gone.signal })),
    (error) => error === reason,
  );
  assertEmpty();
});

Deno.test("an answer that nobody reads waits, gives its room to others, and goes on when it is read again", async () => {
  const host = new PlainHost({ pages: 10 });
  const { scheduler, clock, assertEmpty } = serving(host, { mostUnread: 4, patience: 1000 });
  const given = request({ mostTokens: 30 });
  const slow = scheduler.submit(given);
  await settled();
  assert.equal(scheduler.statistics().tokens, 4);
  const other = request({ tenant: null, mostTokens: 30, prompt: Int32Array.of(5) });
  assert.deepEqual(await read(scheduler.submit(other)), alone(other));
  assert.equal(scheduler.statistics().preemptions, 1);
  const events = [(await slow.next()).value, (await slow.next()).value];
  await settled();
  clock.advance(900);
  for await (const event of slow) {
    events.push(event);
    clock.advance(400);
    await settled();
  }
  assert.deepEqual(whole(events), alone(given));

  const dropped = scheduler.submit(given);
  await settled();
  clock.advance(1001);
  const { tokens, reason } = await read(dropped);
  assert.deepEqual([tokens, reason], [alone(given).tokens.slice(0, 4), "unread"]);
  assertEmpty();
});

Deno.test("a step that fails fails the requests in it and no others", async () => {
  const host = new PlainHost({ mostRows: 2, pages: 100 });
  const broken = new Error("lost");
  const { scheduler, ended, assertEmpty } = serving(host, { mostRunning: 4 });
  const given = ["a", "b", "c"].map((tenant) => request({ tenant, mostTokens: 12 }));
  let failures = 0;
  host.during = (name) => {
    if (name === "prefill b 3" || name.startsWith("decode a") && failures++ === 3) throw broken;
  };
  const answers = given.map((each) => read(scheduler.submit(each)));
  const outcomes = await Promise.allSettled(answers);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") assert.deepEqual(outcome.value, alone(given[index]));
    else assert.equal(outcome.reason, broken);
  }
  assert.equal(ended.filter(({ outcome }) => outcome === "failed").length > 0, true);
  assert.equal(outcomes[1].status, "rejected");
  host.during = () => {};
  assert.deepEqual(await read(scheduler.submit(given[1])), alone(given[1]));
  assertEmpty();
});

Deno.test("a scheduler that ends takes no more and finishes what it has, or what it can in its time", async () => {
  const { host, step } = steppedHost();
  const { scheduler, clock, assertEmpty } = serving(host, { mostRunning: 1 });
  const running = read(scheduler.submit(request({ mostTokens: 3 })));
  const drained = scheduler.drain();
  assert.throws(() => scheduler.submit(request()), DrainingError);
  for (let turn = 0; turn < 4; turn++) await step();
  await drained;
  assert.equal((await running).reason, "length");
  assertEmpty();

  const hasty = serving(host, { mostRunning: 1 });
  const cut = read(hasty.scheduler.submit(request({ mostTokens: 30 })));
  const never = read(hasty.scheduler.submit(request({ tenant: "a" })));
  never.catch(() => {});
  for (let turn = 0; turn < 4; turn++) await step();
  const over = hasty.scheduler.drain(500);
  hasty.clock.advance(501);
  await assertLost(never, DrainingError);
  assert.equal((await cut).reason, "deadline");
  await step();
  await over;
  hasty.assertEmpty();
  assert.equal(clock.waiting, 0);
});

Deno.test("what is no request is refused, naming what is wrong, and what can never have room ends", async () => {
  const { scheduler, tenants } = serving(new PlainHost({ pages: 3, longest: 30 }));
  const refused: [string, Partial<ServingRequest>][] = [
    ["prompt", { prompt: new Int32Array() }],
    ["prompt", { prompt: Int32Array.of(VOCABULARY) }],
    ["prompt", { prompt: Int32Array.of(-1) }],
    ["prompt", { mostTokens: 28 }],
    ["mostTokens", { mostTokens: 0 }],
    ["stop", { stops: { strings: [""], tokens: [] } }],
    ["stop", { stops: { strings: ["a"], tokens: [] }, decoder: null }],
    ["firstWithin", { firstWithin: NaN }],
    ["wholeWithin", { wholeWithin: -1 }],
  ];
  for (const [option, given] of refused) {
    assert.throws(
      () => scheduler.submit(request(given)),
      (error) => error instanceof OptionError && error.fault.option === option,
    );
  }
  assert.throws(() => scheduler.submit(request({ tenant: "z" })), UnknownTenantError);
  await tenants.remove("a");
  assert.throws(() => scheduler.submit(request({ tenant: "a" })), UnknownTenantError);
  await assertLost(read(scheduler.submit(request({ mostTokens: 20 }))), ServingError);
  assert.throws(() => new Scheduler(new PlainHost(), { mostRunning: 0 }), OptionError);
});

Deno.test("a request waits for room that somebody else has beside the scheduler", async () => {
  const host = new PlainHost({ pages: 3 });
  const { scheduler, clock, assertEmpty } = serving(host);
  const beside = host.start(null, 8);
  const answer = read(scheduler.submit(request()));
  await settled();
  clock.advance(60);
  await settled();
  assert.equal(scheduler.statistics().waiting, 1);
  beside.release();
  clock.advance(60);
  assert.deepEqual(await answer, alone(request()));
  assertEmpty();
});

Deno.test("who listens is told when tokens come", async () => {
  const { host, step } = steppedHost();
  const told: unknown[] = [];
  const { scheduler, clock } = serving(host, {
    listener: {
      firstToken: (...all) => told.push(["first", ...all]),
      nextToken: (...all) => told.push(["next", ...all]),
      ended: (record) => told.push(record),
    },
  });
  const answer = read(scheduler.submit(request({ tenant: "a", mostTokens: 3 })));
  await settled();
  for (let turn = 0; turn < 4; turn++) {
    clock.advance(10);
    await step();
  }
  await answer;
  const times = { arrived: 0, started: 0, firstToken: 10, ended: 30 };
  assert.deepEqual(told, [
    ["first", "a", 10],
    ["next", "a", 10],
    ["next", "a", 10],
    { tenant: "a", promptTokens: 3, tokens: 3, outcome: "length", ...times },
  ]);
});
