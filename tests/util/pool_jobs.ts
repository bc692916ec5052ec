/** Jobs for tests of the pool of workers. */

import { DeltaError } from "../../lib/util/errors.ts";
import type { Job } from "../../lib/util/job.ts";

/** Bytes that are moved to the worker and back, each one higher. */
export const raised: Job<[bytes: Uint8Array<ArrayBuffer>], Uint8Array<ArrayBuffer>> = {
  module: import.meta.url,
  name: "raised",
  run: (bytes) => bytes.map((each) => each + 1),
  moved: ({ buffer }) => [buffer],
};

/** A view of shared memory as it came. */
export const returned: Job<[bytes: Uint8Array], Uint8Array> = {
  module: import.meta.url,
  name: "returned",
  run(bytes) {
    bytes[bytes.length - 1]++;
    return bytes;
  },
};

/** Throws what it is told to. */
export const failing: Job<[kind: "input" | "uncloneable" | "other"], never> = {
  module: import.meta.url,
  name: "failing",
  run(kind) {
    if (kind === "other") throw new RangeError("out of range");
    throw new DeltaError({
      problem: "is wrong",
      file: "a.safetensors",
      tensor: "t",
      value: kind === "input" ? [1, "two"] : () => 2,
      expected: "another",
      cause: new Error("its cause"),
    });
  },
};

/** Adds 1 to the first counter, then waits until it is `count`: done only where as many run at once. */
export const meeting: Job<[counter: Int32Array<SharedArrayBuffer>, count: number], void> = {
  module: import.meta.url,
  name: "meeting",
  run(counter, count) {
    Atomics.add(counter, 0, 1);
    Atomics.notify(counter, 0);
    for (let now; (now = Atomics.load(counter, 0)) < count;) Atomics.wait(counter, 0, now);
  },
};

/** Adds 1 to the second counter once the first is set. */
export const held: Job<[counters: Int32Array<SharedArrayBuffer>], void> = {
  module: import.meta.url,
  name: "held",
  run(counters) {
    Atomics.wait(counters, 0, 0);
    Atomics.add(counters, 1, 1);
  },
};

/** Fills bytes that are shared. */
export const filled: Job<[bytes: Uint8Array, value: number], void> = {
  module: import.meta.url,
  name: "filled",
  run: (bytes, value) => void bytes.fill(value),
};
