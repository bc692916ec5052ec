/**
 * Memory that tensors are read into. What nobody looks at any longer is given back and used again: memory that a
 * process has for the first time is filled with zeros page by page, which takes longer than reading a file.
 */

import { sharedBytes } from "../util/shared_bytes.ts";

/** Bytes of a tensor up to which asking a worker takes longer than it helps. */
const LITTLE = 4 * 2 ** 20;
/** Bytes that are kept for later at most: the weights of a decoder layer of 7B, unless more is asked for. */
const MOST_KEPT = 3 * 2 ** 27;
/** Bytes of a stretch that is worth keeping: tables of embeddings are read once. */
const LARGEST_KEPT = 2 ** 27;

/** Bytes that are asked for, by whoever asks. */
const asked = new Map<object, number>();

/** Shared memory that was given back, by its size, longest first. */
const kept: SharedArrayBuffer[] = [];
/** Memory that {@linkcode roomFor} made, of which none is given back twice. */
const given = new WeakSet<SharedArrayBuffer>();

/** Whether work on a tensor of so many bytes is done where it is asked for. */
export function isLittle(byteLength: number): boolean {
  return byteLength < LITTLE;
}

/**
 * Room for a tensor that a job fills: shared with workers unless the job runs where it is asked for. Its content
 * is undefined.
 */
export function roomFor(byteLength: number, inline: boolean = isLittle(byteLength)): Uint8Array {
  if (inline) return new Uint8Array(byteLength);
  const at = kept.findIndex((each) => each.byteLength === byteLength);
  const memory = at < 0 ? sharedBytes(byteLength).buffer : kept.splice(at, 1)[0];
  given.add(memory);
  return new Uint8Array(memory);
}

/** Takes back room that {@linkcode roomFor} gave, which nobody may look at any longer; of other bytes nothing. */
export function giveRoom({ buffer }: Uint8Array): void {
  if (!(buffer instanceof SharedArrayBuffer) || !given.delete(buffer)) return;
  if (buffer.byteLength > LARGEST_KEPT) return;
  kept.push(buffer);
  trim();
}

/** Keeps so many bytes of what is given back, until it is disposed of. */
export function keepRoom(bytes: number): Disposable {
  const asking = {
    [Symbol.dispose]() {
      asked.delete(asking);
      trim();
    },
  };
  asked.set(asking, bytes);
  return asking;
}

/** Lets go of what is kept: whoever was reading is done, and what comes next needs other memory. */
export function forgetRooms(): void {
  kept.length = 0;
}

function trim(): void {
  const most = Math.max(MOST_KEPT, ...asked.values());
  let bytes = kept.reduce((sum, { byteLength }) => sum + byteLength, 0);
  while (bytes > most) bytes -= kept.shift()!.byteLength;
}
