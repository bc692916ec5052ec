/**
 * What the threads of a team say to each other in memory that they share, without messages: words that one thread
 * writes and others wait on.
 *
 * The main thread writes what a step is, opens it and wakes the workers. Whoever takes part says so in `ACTIVE`
 * before it looks whether the step is open, so that once it is closed and `ACTIVE` is 0 nobody reads what is written
 * next; one that wakes late finds nothing left to do, and is waited for by nobody.
 */

import type { MessagePort } from "node:worker_threads";

/** Places in the words. */
export const WORD = {
  /** Counts steps; workers wait for it to change. */
  step: 0,
  /** 1 while a step is open. */
  open: 1,
  /** Workers that take part, or look whether they do; the main thread waits for it to be 0. */
  active: 2,
  /** The item that is done next. */
  next: 3,
  /** Items in all. */
  items: 4,
  /** Items that are taken at a time. */
  grain: 5,
  /** What is run: number of the module, of its function, and of its memories. */
  module: 6,
  run: 7,
  first: 8,
  second: 9,
  /** Parameters in all. */
  parameters: 10,
  /** Counts messages: modules and memories that are new. */
  messages: 11,
  /** 1 once a worker has failed; the text says how. */
  failed: 12,
  /** Bytes of the text. */
  text: 13,
  /** 1: workers end. */
  ended: 14,
} as const;

const WORDS = 16;
const MOST_PARAMETERS = 48;
const TEXT_BYTES = 512;

/** Memory that the threads of one team share. */
export interface Control {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Scratch memory of thread 0, bytes of that of each thread, then what all are called with. */
  readonly parameters: Float64Array<SharedArrayBuffer>;
  readonly text: Uint8Array<SharedArrayBuffer>;
}

/** Memory that threads share, as a step names it. */
export interface NumberedMemory {
  /** Never used again. */
  readonly id: number;
  /** The memory itself. */
  readonly memory: WebAssembly.Memory;
}

/** New memory. */
export function makeControl(): Control {
  return {
    words: new Int32Array(new SharedArrayBuffer(4 * WORDS)),
    parameters: new Float64Array(new SharedArrayBuffer(8 * MOST_PARAMETERS)),
    text: new Uint8Array(new SharedArrayBuffer(TEXT_BYTES)),
  };
}

/** What a worker starts with. */
export interface WorkerStart {
  readonly control: Control;
  /** Its number; the main thread is 0. */
  readonly thread: number;
  /** Where {@linkcode Message}s come in. */
  readonly port: MessagePort;
}

/** What a worker is told by message, before the first step that needs it. */
export type Message =
  | { readonly module: number; readonly code: WebAssembly.Module }
  | { readonly memory: number; readonly content: WebAssembly.Memory };

/** A function of a kernel. */
export type Run = (...parameters: number[]) => void;

/** Modules and memories by number, and the functions that they make. */
export class Instances {
  readonly modules = new Map<number, WebAssembly.Module>();
  readonly memories = new Map<number, WebAssembly.Memory>();
  readonly #runs = new Map<string, readonly Run[]>();

  /** Takes what a message says. */
  take(message: Message): void {
    if ("module" in message) this.modules.set(message.module, message.code);
    else this.memories.set(message.memory, message.content);
  }

  /** A function of a module, by its place among the exports. */
  run(module: number, place: number, first: number, second: number): Run {
    const key = `${module} ${first} ${second}`;
    const known = this.#runs.get(key) ?? this.#make(module, first, second);
    this.#runs.set(key, known);
    return known[place];
  }

  #make(module: number, first: number, second: number): Run[] {
    const code = this.modules.get(module)!;
    const [of, and] = [first, second].map((memory) => this.memories.get(memory)!);
    const { exports } = new WebAssembly.Instance(code, { memories: { first: of, second: and } });
    return WebAssembly.Module.exports(code).map(({ name }) => exports[name] as Run);
  }
}

/** Takes items as long as there are some: one round does so many of them, and says whether more may be left. */
export function doItems(control: Control, instances: Instances, thread: number): () => boolean {
  const { words, parameters } = control;
  const [items, grain] = [words[WORD.items], words[WORD.grain]];
  const run = instances.run(
    words[WORD.module],
    words[WORD.run],
    words[WORD.first],
    words[WORD.second],
  );
  const [own, ownBytes, ...others] = parameters.subarray(0, words[WORD.parameters]);
  return () => {
    const begin = Atomics.add(words, WORD.next, grain);
    if (begin >= items) return false;
    run(begin, Math.min(begin + grain, items), own + thread * ownBytes, ...others);
    return true;
  };
}
