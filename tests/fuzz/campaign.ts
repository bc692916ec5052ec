/**
 * Many mutated files, read in worker threads that are ended where one does not come back. A trial is
 * determined by seed and index alone: any that fails can be looked at again.
 */

import type { Watch } from "../../lib/util/progress.ts";
import { FAULTS, type Outcome, type Trial } from "./target.ts";
import type { Assignment } from "./worker.ts";

/** What a campaign tries. */
export interface CampaignOptions extends Watch {
  /** Module that exports `targets: readonly Target[]`. */
  readonly targets: URL;
  readonly seed: number;
  /** Mutated files in all; targets take turns. */
  readonly count: number;
  /** The first index; default: 0. */
  readonly first?: number;
  /** Milliseconds of wall clock after which a trial counts as hung. */
  readonly limit: number;
  /** Bytes of memory beyond those at the start. */
  readonly memory: number;
  /** Trials at once. */
  readonly workers: number;
}

/** What became of all trials. */
export interface CampaignResult {
  /** Trials by target and outcome. */
  readonly counts: ReadonlyMap<string, Readonly<Partial<Record<Outcome, number>>>>;
  /** Those that are faults of the program, by index. */
  readonly faults: readonly Trial[];
  /** Longest trial by target, in milliseconds. */
  readonly slowest: ReadonlyMap<string, number>;
  /** Most resident memory of the process, in bytes. */
  readonly memory: number;
}

/** Reads `count` mutated files. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { seed, count, first = 0, limit, onProgress, signal } = options;
  const counts = new Map<string, Partial<Record<Outcome, number>>>();
  const slowest = new Map<string, number>();
  const faults: Trial[] = [];
  const mostMemory = Deno.memoryUsage().rss + options.memory;
  let next = first, done = 0, memory = 0;
  const folder = await Deno.makeTempDir();
  const keep = (trial: Trial) => {
    const kept = trial.memory > mostMemory ? { ...trial, outcome: "memory" as const } : trial;
    const ofTarget = counts.get(kept.target) ?? {};
    ofTarget[kept.outcome] = (ofTarget[kept.outcome] ?? 0) + 1;
    counts.set(kept.target, ofTarget);
    slowest.set(kept.target, Math.max(slowest.get(kept.target) ?? 0, kept.milliseconds));
    memory = Math.max(memory, kept.memory);
    if (FAULTS.includes(kept.outcome)) faults.push(kept);
    onProgress?.({ done: ++done, total: count, label: kept.target });
  };
  const work = async () => {
    let reader: Reader | undefined;
    try {
      while (next < first + count) {
        signal?.throwIfAborted();
        const index = next++;
        reader ??= await Reader.start(
          options.targets,
          seed,
          await Deno.makeTempDir({ dir: folder }),
        );
        const trial = await reader.try(index, limit);
        keep(trial);
        if (trial.outcome === "hung") reader = undefined;
      }
    } finally {
      reader?.end();
    }
  };
  // All have ended before the folder goes that they write to.
  const ended = await Promise.allSettled(Array.from({ length: options.workers }, work));
  await Deno.remove(folder, { recursive: true });
  const failed = ended.find((each) => each.status === "rejected");
  if (failed) throw failed.reason;
  return { counts, faults: faults.sort((a, b) => a.index - b.index), slowest, memory };
}

/** A worker that answers one trial at a time. */
class Reader {
  private constructor(readonly worker: Worker, readonly names: readonly string[]) {}

  static async start(targets: URL, seed: number, folder: string): Promise<Reader> {
    const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
    const assignment: Assignment = { targets: targets.href, seed, folder };
    worker.postMessage(assignment);
    return new Reader(worker, await answer<readonly string[]>(worker));
  }

  async try(index: number, limit: number): Promise<Trial> {
    const started = performance.now();
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(resolve, limit, null);
    this.worker.postMessage(index);
    try {
      const trial = await Promise.race([answer<Trial>(this.worker), late]);
      if (trial !== null) return trial;
    } catch (error) {
      return this.#ended(index, "untyped", String(error), started);
    } finally {
      clearTimeout(timer);
    }
    return this.#ended(index, "hung", `not finished after ${limit} ms`, started);
  }

  end(): void {
    this.worker.terminate();
  }

  #ended(index: number, outcome: Outcome, detail: string, started: number): Trial {
    this.end();
    const milliseconds = performance.now() - started;
    const target = this.names[index % this.names.length];
    return { target, index, outcome, detail, milliseconds, memory: Deno.memoryUsage().rss };
  }
}

/** The next message of a worker. */
function answer<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}
