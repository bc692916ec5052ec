/**
 * Memory that the threads of the CPU engine share: WebAssembly memories of up to 4 GB each, as many as are needed, and
 * what of them is free. A page that nobody has written to takes no room.
 */

import { DeviceMemoryError } from "../../../util/errors.ts";
import { Extents } from "./extents.ts";
import { forgetMemory } from "./team.ts";

/** Bytes of a page of WebAssembly. */
const PAGE = 2 ** 16;
/** Pages of one memory: one less than addresses have room for, so that no end of an array is address 0. */
const MOST_PAGES = 2 ** 16 - 1;
/** Bytes at its end that are kept for what kernels work in. */
const FOR_WORK = 2 ** 28;
/** Bytes that are left out at its beginning, so that no array is at address 0, and that lie behind every array. */
const AROUND = 64;
/** Bytes of one array at most. */
const MOST = PAGE * MOST_PAGES - FOR_WORK - AROUND;
/** Bytes that were in use of a memory that is kept for what comes next when nothing of it is in use any more. */
const KEPT = 2 ** 30;
/** Bytes that a kernel works in at least: little more is asked for often. */
const LEAST_WORK = 2 ** 20;

/** Bytes of one memory that belong to one holder. */
export interface Block {
  readonly memory: SharedMemory;
  /** Byte offset in the memory, a multiple of 64. */
  readonly address: number;
  /** The bytes themselves, none once they are given back: who keeps a view keeps the whole memory. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** Gives them back, once. */
  free(): void;
}

/** One memory. */
export class SharedMemory {
  static #count = 0;
  /** Never used again. */
  readonly id = SharedMemory.#count++;
  #memory: WebAssembly.Memory | null = new WebAssembly.Memory({
    initial: 1,
    maximum: MOST_PAGES,
    shared: true,
  });
  readonly #extents = new Extents(AROUND);
  /** What lies beyond has never been given to anyone: zeros. */
  #touched = AROUND;
  #work: { readonly address: number; readonly bytes: number } | null = null;
  /** Blocks that have holders, and runs. */
  #uses = 0;

  /** @param onIdle called when nobody uses anything of it any more. */
  constructor(readonly onIdle: (memory: SharedMemory) => void) {}

  /** The memory itself. */
  get memory(): WebAssembly.Memory {
    return this.#memory!;
  }

  /** Bytes that were in use at some time, each of which takes room. */
  get touchedBytes(): number {
    return this.#touched;
  }

  /** Bytes from an address on. */
  view(address: number, bytes: number): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.memory.buffer, address, bytes);
  }

  /** Lets go of the memory, of which nothing is in use. */
  close(): void {
    this.#memory = null;
  }

  /** Zeros, or `null` where there is no room. */
  take(bytes: number): Block | null {
    const address = this.#take(bytes, PAGE * MOST_PAGES - FOR_WORK);
    if (address === null) return null;
    this.view(address, Math.max(0, Math.min(bytes, this.#touched - address))).fill(0);
    this.#touched = Math.max(this.#touched, address + bytes);
    const use = this.hold();
    let held = bytes;
    const view = (bytes: number) => this.view(address, bytes);
    return {
      memory: this,
      address,
      get bytes() {
        return held === 0 ? new Uint8Array() : view(held);
      },
      free: () => {
        if (held === 0) return;
        held = 0;
        this.#extents.give(address, bytes);
        use[Symbol.dispose]();
      },
    };
  }

  /** Keeps the memory for a run. */
  hold(): Disposable {
    this.#uses++;
    return {
      [Symbol.dispose]: () => {
        if (--this.#uses === 0) this.onIdle(this);
      },
    };
  }

  /**
   * Where a kernel may work until the next one does, a multiple of 64.
   *
   * @throws {DeviceMemoryError} if there is no room.
   */
  work(asked: number): number {
    if (this.#work && this.#work.bytes >= asked) return this.#work.address;
    if (this.#work) this.#extents.give(this.#work.address, this.#work.bytes);
    this.#work = null;
    const bytes = Math.max(asked, LEAST_WORK);
    const address = this.#take(bytes, PAGE * MOST_PAGES - AROUND);
    if (address === null) throw noRoom(bytes, "a run");
    this.#touched = Math.max(this.#touched, address + bytes);
    this.#work = { address, bytes };
    return address;
  }

  #take(bytes: number, most: number): number | null {
    const address = this.#extents.take(bytes, most);
    if (address === null) return null;
    const missing = address + bytes + AROUND - this.memory.buffer.byteLength;
    if (missing <= 0) return address;
    try {
      this.memory.grow(Math.ceil(missing / PAGE));
      return address;
    } catch {
      this.#extents.give(address, bytes);
      return null;
    }
  }
}

/** All memories of this process. */
export class SharedMemories {
  #memories: SharedMemory[] = [];

  /**
   * Zeros.
   *
   * @throws {DeviceMemoryError} if there is no room.
   */
  reserve(bytes: number, purpose: string): Block {
    for (const memory of this.#memories) {
      const block = memory.take(bytes);
      if (block) return block;
    }
    const block = bytes <= MOST ? this.#open(bytes, purpose).take(bytes) : null;
    if (!block) throw noRoom(bytes, purpose);
    return block;
  }

  /** One to work in, whichever. */
  any(): SharedMemory {
    return this.#memories[0] ?? this.#open(0, "a run");
  }

  /** Gives a memory back to the system, unless it is so little that it may as well be used again. */
  #drop(memory: SharedMemory): void {
    if (memory.touchedBytes < KEPT) return;
    this.#memories = this.#memories.filter((each) => each !== memory);
    forgetMemory(memory);
    memory.close();
    // What threads share is not counted where it is decided when to look for garbage: so much is now.
    void new ArrayBuffer(memory.touchedBytes);
  }

  #open(bytes: number, purpose: string): SharedMemory {
    try {
      const memory = new SharedMemory((idle) => this.#drop(idle));
      this.#memories.push(memory);
      return memory;
    } catch {
      throw noRoom(bytes, purpose);
    }
  }
}

/** What engines of this process reserve, and work in. */
export const sharedMemories = new SharedMemories();

function noRoom(bytes: number, purpose: string): DeviceMemoryError {
  return new DeviceMemoryError({
    problem: `there is no room for ${purpose}`,
    value: `${bytes} bytes`,
    expected: "less, or more free memory: 4 GB at most in one piece",
  });
}
