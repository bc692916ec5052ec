/**
 * Sessions of ONNX Runtime, of which small ones wait to be used again: to make one takes longer than to run it, and
 * the same small graphs are compiled for each layer, model and measurement anew. One program at a time has a session.
 */

import type * as Runtime from "onnxruntime-node";

/** What computes a model, until it is released. */
export interface Session {
  run(feeds: Tensors, fetches: Tensors): Promise<unknown>;
  release(): Promise<void>;
}

type Tensors = Readonly<Record<string, Runtime.Tensor>>;

/** What is known of a model. */
export interface SessionOptions {
  readonly threads: number;
  /** Whether it is one of several of a graph. */
  readonly isStretch: boolean;
  /** Elements of the graph's largest value. */
  readonly largest: number;
}

/** Elements of values, and bytes of a model, up to which it is small. */
const [SMALL, SMALL_MODEL] = [2 ** 14, 2 ** 16];

/** Threads that all sessions which wait have at most: each has its own. */
const MOST_THREADS = 128;

/** Sessions by their model and threads; those that were used least lately come first. */
const waiting = new Map<string, { readonly threads: number; readonly sessions: Session[] }>();
let threadsWaiting = 0;

/** A session of a model; a small one, released, waits for who asks for the same next. */
export async function openSession(
  runtime: typeof Runtime,
  model: Uint8Array,
  options: SessionOptions,
): Promise<Session> {
  const { threads, isStretch, largest } = options;
  const isSmall = largest <= SMALL && model.length <= SMALL_MODEL;
  // What each of many sessions keeps for its next run adds up.
  const keepsMemory = !isStretch && !isSmall;
  if (!isSmall) return await createSession(runtime, model, threads, keepsMemory);
  const key = `${threads} ${new TextDecoder("latin1").decode(model)}`;
  const session = taken(key) ?? await createSession(runtime, model, threads, keepsMemory);
  let isHeld = true;
  return {
    async run(feeds, fetches) {
      if (!isHeld) throw new Error("the session is released, and may be another program's");
      return await session.run(feeds, fetches);
    },
    async release() {
      if (!isHeld) return;
      isHeld = false;
      await wait(key, threads, session);
    },
  };
}

function createSession(
  { InferenceSession }: typeof Runtime,
  model: Uint8Array,
  threads: number,
  keepsMemory: boolean,
): Promise<Session> {
  return InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    enableCpuMemArena: keepsMemory,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
}

function taken(key: string): Session | undefined {
  const known = waiting.get(key);
  const session = known?.sessions.pop();
  if (session) threadsWaiting -= known!.threads;
  return session;
}

async function wait(key: string, threads: number, session: Session): Promise<void> {
  const { sessions } = waiting.get(key) ?? { sessions: [] };
  waiting.delete(key);
  waiting.set(key, { threads, sessions: [...sessions, session] });
  threadsWaiting += threads;
  for (const [least, { threads, sessions }] of waiting) {
    if (threadsWaiting <= MOST_THREADS) break;
    waiting.delete(least);
    threadsWaiting -= threads * sessions.length;
    for (const each of sessions) await each.release();
  }
}
