/**
 * Many requests of random lengths and tenants on a real model, a tenth of them given up, tenants coming and going:
 * every finished answer is held against the one that a loop of one sequence makes of the same model alone, and
 * memory is looked at on the way.
 */

import assert from "node:assert/strict";
import type { TokenDecoder } from "../../lib/checkpoint/token_decoder.ts";
import type { BatchModel, TenantHost } from "../../lib/model/serving/batch_model.ts";
import { generate } from "../../lib/model/serving/generate.ts";
import { completeSampling } from "../../lib/model/serving/sampling_settings.ts";
import type { AnswerEvent, ServingRequest } from "../../lib/server/request.ts";
import { Residency } from "../../lib/server/residency.ts";
import { Scheduler } from "../../lib/server/scheduler.ts";
import type { TenantSource } from "../../lib/server/tenant_directory.ts";
import type { Watch } from "../../lib/util/progress.ts";
import { SeededRandom } from "../../lib/util/random.ts";

/** What is tried. */
export interface SoakOptions extends Watch {
  /** The model; nothing is loaded. */
  readonly host: TenantHost;
  /** Tenants by name, all of which are loaded for the answers alone. */
  readonly sources: ReadonlyMap<string, TenantSource>;
  /** Of them in memory at once while requests run. */
  readonly mostTenants: number;
  readonly decoder: TokenDecoder;
  readonly requests: number;
  readonly seed: number;
  /** Tokens of the longest prompt, and of the longest answer. */
  readonly longestPrompt: number;
  readonly longestAnswer: number;
}

/** What became of it. */
export interface SoakReport {
  readonly finished: number;
  readonly givenUp: number;
  readonly tokens: number;
  readonly preemptions: number;
  /** Loads of tenants. */
  readonly loads: number;
  /** Bytes of resident memory, looked at a hundred times. */
  readonly memory: readonly number[];
}

interface Whole {
  readonly tokens: readonly number[];
  readonly text: string;
  readonly reason: string;
  readonly stop: string | number | null;
}

/** Requests at once. */
const AT_ONCE = 48;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { host, sources, mostTenants, requests, signal, onProgress } = options;
  const random = new SeededRandom(options.seed);
  const all = Array.from({ length: requests }, () => randomRequest(random, options));
  const plain: (Whole | null)[] = [];
  for (const [name, source] of sources) {
    using delta = await source.open({});
    await host.load(name, delta);
  }
  for (const [index, { request, givenUp }] of all.entries()) {
    signal?.throwIfAborted();
    plain.push(givenUp === null ? await alone(host, request) : null);
    onProgress?.({ done: index, total: 2 * requests, label: "alone" });
  }
  for (const name of sources.keys()) host.unload(name);

  let loads = 0;
  const tenants = new Residency(host, { mostTenants });
  for (const [name, source] of sources) {
    tenants.add(name, {
      open(watch) {
        loads++;
        return source.open(watch);
      },
    });
  }
  await using scheduler = new Scheduler(host, { tenants, mostRunning: 12, mostUnread: 8 });
  const memory: number[] = [];
  let [next, done, finished] = [0, 0, 0];
  const worker = async () => {
    while (next < all.length) {
      signal?.throwIfAborted();
      const index = next++;
      const { request, givenUp } = all[index];
      const answer = scheduler.submit(request);
      const events: AnswerEvent[] = [];
      if (givenUp !== 0) {
        for await (const event of answer) {
          events.push(event);
          if (events.length === givenUp) break;
        }
      } else await answer.return();
      if (givenUp === null) {
        assert.deepEqual(whole(events), plain[index], `request ${index}`);
        finished++;
      }
      done++;
      onProgress?.({ done: requests + done, total: 2 * requests, label: "together" });
      if (done % Math.max(1, Math.floor(requests / 100)) === 0) memory.push(Deno.memoryUsage().rss);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await scheduler.drain();
  const { tokens, preemptions, waiting, running, roomUsed } = scheduler.statistics();
  assert.deepEqual([waiting, running, roomUsed], [0, 0, 0]);
  assert.ok(tenants.tenants().every((each) => each.running === 0));
  for (const { name } of tenants.tenants()) await tenants.remove(name);
  assert.equal(host.tenants.size, 0);
  return { finished, givenUp: requests - finished, tokens, preemptions, loads, memory };
}

function randomRequest(random: SeededRandom, options: SoakOptions) {
  const { host, sources, decoder, longestPrompt, longestAnswer } = options;
  const { vocabularySize } = host.config;
  const names = [null, ...sources.keys()];
  const request: ServingRequest = {
    tenant: names[random.integer(names.length)],
    prompt: Int32Array.from(
      { length: 1 + random.integer(longestPrompt) },
      () => random.integer(vocabularySize),
    ),
    sampling: completeSampling({
      temperature: random.integer(3) / 2,
      topP: random.integer(2) === 0 ? 1 : 0.9,
      topK: random.integer(2) === 0 ? 0 : 40,
      presencePenalty: random.integer(2) / 2,
      repetitionPenalty: random.integer(2) === 0 ? 1 : 1.1,
      seed: random.integer(1000),
    }, vocabularySize),
    stops: {
      strings: random.integer(2) === 0 ? [] : ["ing", "e t"],
      tokens: random.integer(2) === 0 ? [] : [random.integer(vocabularySize)],
    },
    mostTokens: 1 + random.integer(longestAnswer),
    decoder,
  };
  // After so many events.
  const givenUp = random.integer(10) === 0 ? random.integer(6) : null;
  return { request, givenUp };
}

async function alone(model: BatchModel, request: ServingRequest): Promise<Whole> {
  const events = await Array.fromAsync(generate(model, request));
  return whole(events);
}

function whole(events: readonly (Pick<AnswerEvent, "text"> & object)[]): Whole {
  const end = events.at(-1) as unknown as Whole & { kind: "end" };
  assert.equal(end.kind, "end");
  return {
    tokens: events.flatMap((event) => "token" in event ? event.token as number : []),
    text: events.map(({ text }) => text).join(""),
    reason: end.reason,
    stop: end.stop,
  };
}
