/**
 * A trace played against a scheduler, by its clock: how long requests took. Not here: what is drawn of it.
 */

import { quantileSorted } from "simple-statistics";
import { completeSampling, type Sampling } from "../../model/serving/sampling_settings.ts";
import { SeededRandom } from "../../util/random.ts";
import { type Clock, realClock } from "../clock.ts";
import { QueueFullError } from "../refusals.ts";
import type { RequestRecord, RequestTaker, ServingRequest } from "../request.ts";
import type { TraceRequest } from "./trace.ts";

/** How a trace is played. */
export interface ReplayOptions {
  /** Makes requests of the trace's; {@linkcode randomRequest} does of any. */
  readonly request: (of: TraceRequest) => ServingRequest;
  /** Milliseconds within which a first token should come, and a whole answer. */
  readonly firstWithin: number;
  /** As above. */
  readonly wholeWithin: number;
  /** The scheduler's clock; default: real time. */
  readonly clock?: Clock;
  /** Ends what is left. */
  readonly signal?: AbortSignal;
}

/** What became of one request. Times are milliseconds from when it came. */
export interface ReplayedRequest extends TraceRequest {
  /** Tokens of its answer. */
  readonly tokens: number;
  /** When its first token came; `null`: none did. */
  readonly firstToken: number | null;
  /** Between two tokens, on average; `null`: it has no two. */
  readonly perToken: number | null;
  /** When it ended. */
  readonly whole: number;
  /** How; `"refused"`: the queue was full. */
  readonly outcome: RequestRecord["outcome"] | "refused";
}

/** Numbers that a share of all are at most; between two neighbours linear. */
export interface Percentiles {
  /** Half of them. */
  readonly p50: number;
  /** 90 %. */
  readonly p90: number;
  /** 99 %. */
  readonly p99: number;
}

/** What a trace took. */
export interface ReplayReport {
  /** Every request, in the order in which they came. */
  readonly requests: readonly ReplayedRequest[];
  /** From the first arrival to the last end. */
  readonly seconds: number;
  /** Tokens of answers a second. */
  readonly tokensPerSecond: number;
  /** Milliseconds to the first token of those that have one; `null`: none has. */
  readonly firstToken: Percentiles | null;
  /** Milliseconds from token to token, of those that have two. */
  readonly perToken: Percentiles | null;
  /** Milliseconds to the end, of whole answers. */
  readonly whole: Percentiles | null;
  /** Share of all requests whose first token came in time. */
  readonly firstWithin: number;
  /** Share of all requests whose answer was whole in time. */
  readonly wholeWithin: number;
}

/**
 * Plays a trace: each request comes when the trace says so, and is read as it comes.
 *
 * @throws the signal's reason.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   generateTrace,
 *   onnxEngine,
 *   projectPath,
 *   randomRequest,
 *   replayTrace,
 *   Scheduler,
 *   TenantModel,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * await using model = await TenantModel.open(onnxEngine(), base, { longest: 64 });
 * await using scheduler = new Scheduler(model);
 * const lengths = { longestPrompt: 20, shortestAnswer: 2, longestAnswer: 4 };
 * const trace = generateTrace({ requests: 3, rate: 1000, ...lengths });
 * const { requests, tokensPerSecond } = await replayTrace(trace, scheduler, {
 *   request: (of) => ({ ...randomRequest(of, model.config.vocabularySize), tenant: null }),
 *   ...{ firstWithin: 1000, wholeWithin: 5000 },
 * });
 * assert.ok(requests.every(({ tokens, outputTokens }) => tokens === outputTokens));
 * assert.ok(tokensPerSecond > 0);
 * ```
 */
export async function replayTrace(
  trace: readonly TraceRequest[],
  taker: RequestTaker,
  options: ReplayOptions,
): Promise<ReplayReport> {
  options.signal?.throwIfAborted();
  const clock = options.clock ?? realClock;
  const begun = clock.now();
  const requests = await Promise.all(trace.map(async (each) => {
    await until(begun + each.arrival * 1000 - clock.now(), clock, options.signal);
    return await replayed(each, taker, clock, options);
  }));
  options.signal?.throwIfAborted();
  const ends = requests.map(({ arrival, whole }) => arrival + whole / 1000);
  const first = requests.reduce((least, { arrival }) => Math.min(least, arrival), Infinity);
  const seconds = requests.length === 0 ? 0 : ends.reduce((a, b) => Math.max(a, b)) - first;
  const tokens = requests.reduce((sum, each) => sum + each.tokens, 0);
  const isWhole = ({ outcome }: ReplayedRequest) => outcome === "length" || outcome === "stop";
  const share = (fits: (each: ReplayedRequest) => boolean) =>
    requests.length === 0 ? 1 : requests.filter(fits).length / requests.length;
  return {
    ...{ requests, seconds, tokensPerSecond: seconds > 0 ? tokens / seconds : 0 },
    firstToken: percentiles(requests.map(({ firstToken }) => firstToken)),
    perToken: percentiles(requests.map(({ perToken }) => perToken)),
    whole: percentiles(requests.map((each) => isWhole(each) ? each.whole : null)),
    firstWithin: share(({ firstToken }) =>
      firstToken !== null && firstToken <= options.firstWithin
    ),
    wholeWithin: share((each) => isWhole(each) && each.whole <= options.wholeWithin),
  };
}

/**
 * A request of tokens by chance, which its id determines: it goes on to its last token.
 *
 * @param sampling how tokens are chosen; default: the likeliest.
 *
 * @example
 * ```ts
 * import { randomRequest } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const of = { id: "1", arrival: 0, tenant: "a", promptTokens: 9, outputTokens: 3 };
 * const { prompt, mostTokens } = randomRequest(of, 100);
 * assert.deepEqual([prompt.length, mostTokens], [9, 3]);
 * assert.deepEqual(randomRequest(of, 100).prompt, prompt);
 * ```
 */
export function randomRequest(
  { id, tenant, promptTokens, outputTokens }: TraceRequest,
  vocabularySize: number,
  sampling: Partial<Sampling> = { temperature: 0 },
): ServingRequest {
  const random = new SeededRandom([...id].reduce((h, c) => Math.imul(h, 31) + c.charCodeAt(0), 7));
  return {
    tenant,
    prompt: Int32Array.from({ length: promptTokens }, () => random.integer(vocabularySize)),
    sampling: completeSampling(sampling, vocabularySize),
    stops: { strings: [], tokens: [] },
    mostTokens: outputTokens,
    decoder: null,
  };
}

async function replayed(
  each: TraceRequest,
  taker: RequestTaker,
  clock: Clock,
  { request, signal }: ReplayOptions,
): Promise<ReplayedRequest> {
  let [first, last, arrived, tokens] = [null as number | null, clock.now(), clock.now(), 0];
  let outcome: ReplayedRequest["outcome"] = "failed";
  try {
    for await (const event of taker.submit({ ...request(each), signal })) {
      if (event.kind === "token") {
        tokens++;
        last = clock.now();
        first ??= last;
        continue;
      }
      // When tokens were made, which may be before they were read.
      const { record } = event;
      [first, last, arrived, outcome] = [
        record.firstToken,
        record.ended,
        record.arrived,
        event.reason,
      ];
    }
  } catch (error) {
    if (error instanceof QueueFullError) outcome = "refused";
    last = clock.now();
  }
  return {
    ...{ ...each, tokens, outcome, whole: last - arrived },
    firstToken: first === null ? null : first - arrived,
    perToken: tokens > 1 ? (last - first!) / (tokens - 1) : null,
  };
}

function percentiles(values: readonly (number | null)[]): Percentiles | null {
  const sorted = values.filter((value) => value !== null).sort((one, other) => one - other);
  if (sorted.length === 0) return null;
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => quantileSorted(sorted, share));
  return { p50, p90, p99 };
}

/** Waits for so many milliseconds. */
async function until(milliseconds: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  if (milliseconds <= 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const forget = clock.after(milliseconds, resolve);
  const abort = () => reject(signal!.reason);
  signal?.addEventListener("abort", abort);
  try {
    await promise;
  } finally {
    forget();
    signal?.removeEventListener("abort", abort);
  }
}
