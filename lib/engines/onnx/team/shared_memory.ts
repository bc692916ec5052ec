/**
 * Memory that the threads of the CPU engine share: WebAssembly memories of up to 4 GB each, as many as are needed, and
 * what of them is free. A page that nobody has written to takes no room.
 */

import { DeviceMemoryError } from "../../../util/errors.ts";
import { Extents } from "./extents.ts";

/** Bytes of a page of WebAssembly. */
const PAGE = 2 ** 16;
/** Pages of one memory: one less than addresses have room for, so that no end of an array is address 0. */
const MOST_PAGES = 2 ** 16 - 1;
/** Bytes at its end that are kept for what kernels work in. */
const FOR_WORK = 2 ** 28;
/** Bytes that are left out at its beginning, so that no array is at address 0, and that lie behind every array. */
const AROUND = 64;
/** Bytes that a kernel works in at least: little more is asked for often. */
const LEAST_WORK = 2 ** 20;

/** Bytes of one memory that belong to one holder. */
export interface Block {
  readonly memory: SharedMemory;
  /** Byte offset in the memory, a multiple of 64. */
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** Gives them back, once. */
  free(): void;
}

/** One memory. */
export class SharedMemory {
  static #count = 0;
  /** Never used again. */
  readonly id = SharedMemory.#count++;
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
  readonly #extents = new Extents(AROUND);
  /** What lies beyond has never been given to anyone: zeros. */
  #touched = AROUND;
  #work: { readonly address: number; readonly bytes: number } | null = null;
  /** Blocks that have holders. */
  blocks = 0;

  /** Bytes from an address on. */
  view(address: number, bytes: number): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.memory.buffer, address, bytes);
  }

  /** Zeros, or `null` where there is no room. */
  take(bytes: number): Block | null {
    const address = this.#take(bytes, PAGE * MOST_PAGES - FOR_WORK);
    if (address === null) return null;
    const view = this.view(address, bytes);
    view.subarray(0, Math.max(0, this.#touched - address)).fill(0);
    this.#touched = Math.max(this.#touched, address + bytes);
    this.blocks++;
    let held = true;
    const free = () => {
      if (!held) return;
      held = false;
      this.blocks--;
      this.#extents.give(address, bytes);
    };
    return { memory: this, address, bytes: view, free };
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
    const block = this.#open(bytes, purpose).take(bytes);
    if (!block) throw noRoom(bytes, purpose);
    return block;
  }

  /** One to work in, whichever. */
  any(): SharedMemory {
    return this.#memories[0] ?? this.#open(0, "a run");
  }

  #open(bytes: number, purpose: string): SharedMemory {
    try {
      const memory = new SharedMemory();
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
