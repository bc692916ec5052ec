/**
 * Threads that divide the work of kernels: the main thread and workers, which are woken in some 10 µs and use no
 * processor while there is nothing to do. What they do together is `kernel.ts`'s; what they say to each other,
 * `control.ts`'s.
 */

import { setImmediate } from "node:timers";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { DeviceError } from "../../../util/errors.ts";
import { Turns } from "../../../util/turns.ts";
import { type Control, doItems, Instances, makeControl, type Message, WORD } from "./control.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** Milliseconds that the main thread works before it lets others have a turn: timers, answers of a server. */
const MOST_AT_ONCE = 10;

/** A module that teams know. */
export interface TeamModule {
  /** The op that it is of, for errors. */
  readonly name: string;
  /** Never used again. */
  readonly id: number;
  readonly code: WebAssembly.Module;
}

/** One step of a kernel, with all that its function is called with. */
export interface TeamWork {
  readonly module: TeamModule;
  readonly run: string;
  readonly first: SharedMemory;
  readonly second: SharedMemory;
  readonly items: number;
  readonly grain: number;
  /** Scratch memory of thread 0, and how far that of the next is from it. */
  readonly own: number;
  readonly ownBytes: number;
  readonly parameters: readonly number[];
}

/** So many threads. */
export class Team {
  /** Of kernels, which share what they work in. */
  readonly turns: Turns = new Turns();
  readonly #control: Control = makeControl();
  readonly #instances = new Instances();
  /** Of the workers. */
  readonly #ports: MessagePort[] = [];

  /** Starts nothing yet. */
  constructor(readonly threads: number) {}

  /**
   * Does a step; nobody else's may be done at the same time.
   *
   * @throws {DeviceError} if it fails on any thread.
   */
  async do(work: TeamWork): Promise<void> {
    this.#start();
    this.#introduce(work);
    const { words } = this.#control;
    this.#write(work);
    Atomics.store(words, WORD.open, 1);
    Atomics.add(words, WORD.step, 1);
    if (work.items > work.grain) Atomics.notify(words, WORD.step);
    try {
      const more = doItems(this.#control, this.#instances, 0);
      for (let since = performance.now(); more();) {
        if (performance.now() - since < MOST_AT_ONCE) continue;
        await new Promise((resolve) => setImmediate(resolve));
        since = performance.now();
      }
    } catch (error) {
      Atomics.store(words, WORD.next, work.items);
      throw failed(work, String(error));
    } finally {
      this.#close();
    }
    if (words[WORD.failed]) {
      words[WORD.failed] = 0;
      const text = this.#control.text.slice(0, words[WORD.text]);
      throw failed(work, new TextDecoder().decode(text));
    }
  }

  /** Waits until no worker reads what the step was. */
  #close(): void {
    const { words } = this.#control;
    Atomics.store(words, WORD.open, 0);
    for (let active; (active = Atomics.load(words, WORD.active)) > 0;) {
      Atomics.wait(words, WORD.active, active);
    }
  }

  #write({ module, run, first, second, items, grain, own, ownBytes, parameters }: TeamWork): void {
    const { words } = this.#control;
    words[WORD.items] = items;
    words[WORD.grain] = grain;
    words[WORD.module] = module.id;
    words[WORD.run] = WebAssembly.Module.exports(module.code).findIndex(({ name }) => name === run);
    words[WORD.first] = first.id;
    words[WORD.second] = second.id;
    words[WORD.parameters] = 2 + parameters.length;
    words[WORD.next] = 0;
    this.#control.parameters.set([own, ownBytes, ...parameters]);
  }

  /** Tells of modules and memories that a step is the first to need. */
  #introduce({ module, first, second }: TeamWork): void {
    const { modules, memories } = this.#instances;
    if (!modules.has(module.id)) this.#tell({ module: module.id, code: module.code });
    for (const { id, memory } of [first, second]) {
      if (!memories.has(id)) this.#tell({ memory: id, content: memory });
    }
  }

  #tell(message: Message): void {
    this.#instances.take(message);
    for (const port of this.#ports) port.postMessage(message);
    this.#control.words[WORD.messages]++;
  }

  #start(): void {
    while (this.#ports.length < this.threads - 1) {
      const { port1, port2 } = new MessageChannel();
      const workerData = { control: this.#control, thread: this.#ports.length + 1, port: port2 };
      const worker = new Worker(new URL("./worker.ts", import.meta.url), {
        workerData,
        transferList: [port2],
      });
      worker.unref();
      this.#ports.push(port1);
    }
  }
}

const teams = new Map<number, Team>();

/** The team of so many threads, which all engines of this process share. */
export function teamOf(threads: number): Team {
  const team = teams.get(threads) ?? new Team(threads);
  teams.set(threads, team);
  return team;
}

function failed({ module, run }: TeamWork, problem: string): DeviceError {
  return new DeviceError({
    operation: module.name,
    problem: `fails on the thread team in '${run}'`,
    value: problem,
    expected: "operands that fit",
  });
}
