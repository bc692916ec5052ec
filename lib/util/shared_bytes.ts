/**
 * Memory that threads share, which is found to be garbage as soon as other memory is.
 *
 * An engine of JavaScript looks for garbage the sooner the more memory arrays hold, but does not count what
 * threads share: a program that goes through many gigabytes of it would keep them all. So each stretch is
 * outweighed by an array of the same size that nobody writes to, which takes no room of its own, and goes with
 * it.
 */

const weights = new WeakMap<SharedArrayBuffer, ArrayBuffer>();

/** New bytes, all zero. */
export function sharedBytes(length: number): Uint8Array<SharedArrayBuffer> {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  weigh(bytes);
  return bytes;
}

/** Makes all shared memory in a message count on this thread too; each thread lets go of it by itself. */
export function weigh(message: unknown): void {
  if (typeof message !== "object" || message === null) return;
  if (ArrayBuffer.isView(message)) weigh(message.buffer);
  else if (message instanceof SharedArrayBuffer) {
    if (!weights.has(message)) weights.set(message, new ArrayBuffer(message.byteLength));
  } else if (Array.isArray(message) || Object.getPrototypeOf(message) === Object.prototype) {
    Object.values(message).forEach(weigh);
  }
}
