/**
 * Threads that divide the work of kernels: the main thread and workers, which are woken in some 10 µs and use no
 * processor while there is nothing to do. What they do together is `kernel.ts`'s; what they say to each other,
 * `control.ts`'s.
 */

import { setImmediate } from "node:timers";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { DeviceError } from "../../../util/errors.ts";
import {
  doItems,
  Instances,
  makeControl,
  type Message,
  type NumberedMemory,
  WORD,
} from "./control.ts";

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
  readonly first: NumberedMemory;
  readonly second: NumberedMemory;
  readonly items: number;
  readonly grain: number;
  /** Scratch memory of thread 0, and how far that of the next is from it. */
  readonly own: number;
  readonly ownBytes: number;
  readonly parameters: readonly number[];
}

/** So many threads. */
export class Team {
  #crew: Crew | null = null;

  /** Starts nothing yet. */
  constructor(readonly threads: number) {}

  /**
   * Does a step; nobody else's may be done at the same time.
   *
   * @throws {DeviceError} if it fails on any thread, or a worker has ended by itself, in whose place another is started.
   */
  async do(work: TeamWork): Promise<void> {
    const crew = this.#crew ??= new Crew(this.threads);
    if (crew.fault) this.end();
    await crew.do(work);
  }

  /** Lets go of a memory, with all who hold it. */
  forget(memory: NumberedMemory): void {
    if (this.#crew?.knows(memory)) this.end();
  }

  /** Lets its workers end; others are started when there is work again. */
  end(): void {
    this.#crew?.end();
    this.#crew = null;
  }
}

/** Workers, and what they and the main thread know. */
class Crew {
  readonly #control = makeControl();
  readonly #instances = new Instances();
  readonly #ports: MessagePort[];
  /** Why there are less workers than there should be. */
  fault: unknown = null;

  constructor(threads: number) {
    this.#ports = Array.from({ length: threads - 1 }, (_, index) => {
      const { port1, port2 } = new MessageChannel();
      const workerData = { control: this.#control, thread: index + 1, port: port2 };
      const worker = new Worker(new URL("./worker.ts", import.meta.url), {
        workerData,
        transferList: [port2],
      });
      worker.unref();
      worker.on("error", (error: unknown) => this.fault = error);
      return port1;
    });
  }

  /** Whether it has worked in a memory. */
  knows({ id }: NumberedMemory): boolean {
    return this.#instances.memories.has(id);
  }

  /** Lets workers end, each once it has done its share. */
  end(): void {
    const { words } = this.#control;
    Atomics.store(words, WORD.ended, 1);
    this.#wake();
  }

  async do(work: TeamWork): Promise<void> {
    const { words } = this.#control;
    if (this.fault) throw failed(work, String(this.fault));
    this.#introduce(work);
    this.#write(work);
    Atomics.store(words, WORD.open, 1);
    if (work.items > work.grain) this.#wake();
    const faults: unknown[] = [];
    try {
      await this.#share();
    } catch (error) {
      Atomics.store(words, WORD.next, work.items);
      faults.push(error);
    }
    this.#close();
    if (words[WORD.failed]) {
      words[WORD.failed] = 0;
      const text = this.#control.text.slice(0, words[WORD.text]);
      faults.push(new TextDecoder().decode(text));
    }
    if (faults.length > 0) throw failed(work, String(faults[0]));
  }

  /** Does items on the main thread until there are none. */
  async #share(): Promise<void> {
    const more = doItems(this.#control, this.#instances, 0);
    for (let since = performance.now(); more();) {
      if (performance.now() - since < MOST_AT_ONCE) continue;
      await new Promise((resolve) => setImmediate(resolve));
      since = performance.now();
    }
  }

  #wake(): void {
    Atomics.add(this.#control.words, WORD.step, 1);
    Atomics.notify(this.#control.words, WORD.step);
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
}

const teams = new Map<number, Team>();

/** The team of so many threads, which all engines of this process share. */
export function teamOf(threads: number): Team {
  const team = teams.get(threads) ?? new Team(threads);
  teams.set(threads, team);
  return team;
}

/** Lets all teams go of a memory that nobody uses any more. */
export function forgetMemory(memory: NumberedMemory): void {
  for (const team of teams.values()) team.forget(memory);
}

function failed({ module, run }: TeamWork, problem: string): DeviceError {
  return new DeviceError({
    operation: module.name,
    problem: `fails on the thread team in '${run}'`,
    value: problem,
    expected: "operands that fit",
  });
}
