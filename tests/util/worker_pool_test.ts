import assert from "node:assert/strict";
import { DeltaError, InputError } from "../../lib/util/errors.ts";
import { projectPath } from "../../lib/util/project.ts";
import { POOL_SIZE, runJob } from "../../lib/util/worker_pool.ts";
import { failing, held, meeting, raised, returned } from "./pool_jobs.ts";

for (const inline of [false, true]) {
  const where = inline ? "inline" : "in a worker";

  Deno.test(`a job's result comes back, ${where}`, async () => {
    assert.deepEqual(
      await runJob(raised, [Uint8Array.of(1, 255)], { inline }),
      Uint8Array.of(2, 0),
    );
  });

  Deno.test(`an error of the library crosses with its class and its parts, ${where}`, async () => {
    const error = await runJob(failing, ["input"], { inline }).then(assert.fail, (error) => error);
    assert.ok(error instanceof DeltaError && error instanceof InputError);
    assert.equal(error.name, "DeltaError");
    assert.equal(
      error.message,
      "file 'a.safetensors', tensor 't': is wrong: got [1, 'two']; expected another",
    );
    assert.deepEqual(error.fault.value, [1, "two"]);
    assert.equal((error.fault.cause as Error).message, "its cause");
  });

  Deno.test(`any other error keeps its name and message, ${where}`, async () => {
    await assert.rejects(runJob(failing, ["other"], { inline }), /^RangeError: out of range$/);
  });

  Deno.test(`an aborted signal stops a job before it begins, ${where}`, async () => {
    const signal = AbortSignal.abort(new Error("no more"));
    const counter = new Int32Array(new SharedArrayBuffer(4));
    await assert.rejects(runJob(meeting, [counter, 1], { inline, signal }), /no more/);
    assert.equal(counter[0], 0);
  });
}

Deno.test("a view of shared memory of any size crosses as it is", async () => {
  // More elements than can be listed one by one.
  const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 28 + 8), 8);
  const back = await runJob(returned, [bytes]);
  assert.deepEqual([back.length, back.byteOffset, back.at(-1)], [2 ** 28, 8, 1]);
  assert.equal(bytes.at(-1), 1);
});

Deno.test("what of an error cannot be cloned crosses as text", async () => {
  const error = await runJob(failing, ["uncloneable"]).then(assert.fail, (error) => error);
  assert.ok(error instanceof DeltaError);
  assert.match(error.fault.value as string, /=>/);
});

Deno.test("a worker goes on after a job that failed, and after arguments that cannot be cloned", async () => {
  for (let round = 0; round < 2 * POOL_SIZE; round++) {
    await assert.rejects(runJob(failing, ["input"]), DeltaError);
    // deno-lint-ignore no-explicit-any -- what the type would refuse
    await assert.rejects(runJob(failing, [(() => 1) as any]), /could not be cloned/);
  }
  assert.deepEqual(await runJob(raised, [Uint8Array.of(7)]), Uint8Array.of(8));
});

Deno.test("what is moved leaves the caller; what is not stays", async () => {
  const moved = Uint8Array.of(1, 2);
  await runJob(raised, [moved], { moved: [moved.buffer] });
  assert.equal(moved.length, 0);
  const copied = Uint8Array.of(1, 2);
  await runJob(raised, [copied]);
  assert.deepEqual(copied, Uint8Array.of(1, 2));
});

Deno.test("as many jobs run at once as there are workers", async () => {
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const jobs = Array.from({ length: POOL_SIZE }, () => runJob(meeting, [counter, POOL_SIZE]));
  await Promise.all(jobs);
  assert.equal(counter[0], POOL_SIZE);
});

Deno.test("more jobs than workers are done in turns, each with its own result", async () => {
  const jobs = Array.from({ length: 5 * POOL_SIZE }, (_, i) => runJob(raised, [Uint8Array.of(i)]));
  const results = await Promise.all(jobs);
  assert.deepEqual(results.map(([first]) => first), results.map((_, i) => i + 1));
});

Deno.test("aborted, a job that waits is dropped at once and one that runs is waited for", async () => {
  const counters = new Int32Array(new SharedArrayBuffer(8));
  const { signal, abort } = aborter();
  const jobs = Array.from({ length: 2 * POOL_SIZE }, () => runJob(held, [counters], { signal }));
  const settled = Promise.allSettled(jobs);
  abort();
  // Those that wait are rejected while none of those that run can have ended.
  await assert.rejects(Promise.all(jobs.slice(POOL_SIZE)), /no more/);
  assert.equal(counters[1], 0);
  Atomics.store(counters, 0, 1);
  Atomics.notify(counters, 0);
  assert.ok((await settled).every(({ status }) => status === "rejected"));
  assert.equal(counters[1], POOL_SIZE);
});

Deno.test("a process ends though its workers live, and not before its jobs are done", async () => {
  const script = projectPath("tests/util/pool_process.ts");
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--cached-only", "--allow-read", script],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stdout), "2,3\n");
});

function aborter() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("no more")) };
}
