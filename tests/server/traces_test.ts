/** Traces as files and by chance, and one played against a plain host by a clock that the host moves. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Residency } from "../../lib/server/residency.ts";
import { Scheduler } from "../../lib/server/scheduler.ts";
import { generateTrace } from "../../lib/server/traces/generate_trace.ts";
import { randomRequest, replayTrace } from "../../lib/server/traces/replay.ts";
import {
  readTrace,
  TraceError,
  type TraceRequest,
  writeTrace,
} from "../../lib/server/traces/trace.ts";
import { OptionError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { FakeClock, settled } from "./fake_clock.ts";
import { PlainHost, VOCABULARY } from "./plain_host.ts";

Deno.test("a trace comes back from its file, by the order of arrivals", async () => {
  await using folder = await temporaryFolder();
  const trace = [
    { id: "007", arrival: 0.125, tenant: 'a, "b"', promptTokens: 3, outputTokens: 1 },
    { id: "é", arrival: 1e-7, tenant: "NA", promptTokens: 100000, outputTokens: 2 },
    { id: "3", arrival: 2, tenant: "3", promptTokens: 1, outputTokens: 3 },
  ];
  for (const name of ["a.jsonl", "a.csv"]) {
    const path = join(folder.path, name);
    await writeTrace(path, trace);
    assert.deepEqual(await readTrace(path), [trace[1], trace[0], trace[2]]);
  }
});

Deno.test("a trace that is malformed is refused, by its line and field", async () => {
  await using folder = await temporaryFolder();
  const good = { id: "1", arrival: 0, tenant: "a", prompt_tokens: 1, output_tokens: 1 };
  const lines: [unknown, RegExp][] = [
    [
      { ...good, arrival: -1 },
      /line 2 is no request.*'arrival'|'arrival'.*line 2 is no request.*got -1/,
    ],
    [{ ...good, id: 2 }, /'id'.*got 2/],
    [{ ...good, id: "1" }, /'id': line 2: got '1'; expected an id that no request before it has/],
    [{ ...good, id: "2", prompt_tokens: 0 }, /'prompt_tokens'.*got 0/],
    [{ ...good, id: "2", output_tokens: 1.5 }, /'output_tokens'.*got 1\.5/],
    [{ ...good, id: "2", tenant: "" }, /'tenant'/],
    [{ ...good, id: "2", model: "x" }, /'model'/],
    [{ id: "2" }, /'arrival'.*got 'nothing'/],
    [[], /line 2 is no request/],
  ];
  const path = join(folder.path, "trace.jsonl");
  for (const [line, message] of lines) {
    await Deno.writeTextFile(path, `${JSON.stringify(good)}\n${JSON.stringify(line)}\n`);
    await assert.rejects(readTrace(path), (error) => {
      assert.ok(error instanceof TraceError);
      assert.match(error.message, message);
      assert.match(error.message, /trace\.jsonl/);
      return true;
    });
  }
  await Deno.writeTextFile(path, "{\n");
  await assert.rejects(readTrace(path), /line 1 is no JSON/);
  const table = join(folder.path, "trace.csv");
  for (
    const text of [
      "",
      "id,arrival\n1,0\n",
      "id,arrival,tenant,prompt_tokens,output_tokens\n1,x,a,1,1\n",
    ]
  ) {
    await Deno.writeTextFile(table, text);
    await assert.rejects(readTrace(table), TraceError);
  }
  await assert.rejects(readTrace(join(folder.path, "none.csv")), TraceError);
});

Deno.test("tenants come as often as Zipf's law says, requests as a Poisson process does", () => {
  const settings = { requests: 6_000, tenants: 5, rate: 50, shortestPrompt: 3, longestPrompt: 7 };
  for (const exponent of [0, 1, 2]) {
    const trace = generateTrace({ ...settings, exponent });
    const weights = [1, 2, 3, 4, 5].map((rank) => rank ** -exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries()) {
      const share = weight / total;
      const count = trace.filter(({ tenant }) => tenant === `tenant-${index + 1}`).length;
      const deviation = Math.sqrt(settings.requests * share * (1 - share));
      assert.ok(Math.abs(count - settings.requests * share) < 5 * deviation);
    }
    const gaps = trace.map(({ arrival }, index) => arrival - (trace[index - 1]?.arrival ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const square = gaps.reduce((sum, gap) => sum + gap ** 2, 0) / gaps.length;
    assert.ok(Math.abs(mean * settings.rate - 1) < 0.07);
    // Of an exponential distribution the mean square is twice the square of the mean.
    assert.ok(Math.abs(square / mean ** 2 - 2) < 0.3);
    assert.deepEqual(new Set(trace.map((each) => each.promptTokens)), new Set([3, 4, 5, 6, 7]));
    assert.deepEqual(generateTrace({ ...settings, exponent }), trace);
    assert.notDeepEqual(generateTrace({ ...settings, exponent, seed: 1 }), trace);
  }
  assert.throws(() => generateTrace({ longestPrompt: 3, shortestPrompt: 4 }), OptionError);
  assert.throws(() => generateTrace({ rate: 0 }), OptionError);
});

Deno.test("a trace's times are those of its clock", async () => {
  const host = new PlainHost({ chunk: 8, mostRows: 4, pages: 100 });
  const clock = new FakeClock();
  // Every step takes 10 ms.
  host.during = () => clock.advance(10);
  host.tenants.set("a", 1);
  const tenants = new Residency(host);
  const scheduler = new Scheduler(host, { clock, tenants, mostRunning: 1, mostWaiting: 1 });
  const each = (id: string, arrival: number, promptTokens: number): TraceRequest => ({
    ...{ id, arrival, promptTokens, tenant: "a", outputTokens: 3 },
  });
  const trace = [each("1", 0, 20), each("2", 0, 8), each("3", 0, 1), each("4", 1, 1)];
  const playing = replayTrace(trace, scheduler, {
    request: (of) => randomRequest(of, VOCABULARY),
    ...{ clock, firstWithin: 30, wholeWithin: 60 },
  });
  await settled();
  clock.advance(1000 - clock.now());
  const report = await playing;
  // Three pieces of a prompt and two steps; then the other; the third has no place to wait, the fourth is alone.
  assert.deepEqual(
    report.requests.map((
      { id, firstToken, perToken, whole, outcome, tokens },
    ) => [id, firstToken, perToken, whole, outcome, tokens]),
    [
      ["1", 30, 10, 50, "length", 3],
      ["2", 60, 10, 80, "length", 3],
      ["3", null, null, 0, "refused", 0],
      ["4", 10, 10, 30, "length", 3],
    ],
  );
  assert.equal(report.seconds, 1.03);
  assert.equal(report.tokensPerSecond, 9 / 1.03);
  assert.deepEqual([report.firstWithin, report.wholeWithin], [0.5, 0.5]);
  assert.deepEqual(report.firstToken, { p50: 30, p90: 54, p99: 59.4 });
  assert.deepEqual(report.perToken, { p50: 10, p90: 10, p99: 10 });
  assert.deepEqual(
    await replayTrace([], scheduler, {
      request: (of) => randomRequest(of, VOCABULARY),
      ...{ clock, firstWithin: 30, wholeWithin: 60 },
    }),
    {
      ...{ requests: [], seconds: 0, tokensPerSecond: 0, firstWithin: 1, wholeWithin: 1 },
      ...{ firstToken: null, perToken: null, whole: null },
    },
  );

  const ended = new AbortController();
  const stopped = replayTrace(trace, scheduler, {
    request: (of) => randomRequest(of, VOCABULARY),
    ...{ clock, firstWithin: 30, wholeWithin: 60, signal: ended.signal },
  });
  const reason = new Error("enough");
  ended.abort(reason);
  await assert.rejects(stopped, (error) => error === reason);
  await settled();
  assert.deepEqual([host.sequences.size, clock.waiting], [0, 0]);
});
