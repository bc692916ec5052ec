/** Memory that runs widen weights into, one run after another: a new one each time costs its pages again. */

/** Where a view starts, for the widest vectors. */
const ALIGNMENT = 64;

/** Grows to what is asked for at once, and stays. */
export class Scratch {
  #memory = new ArrayBuffer(0);

  /** Arrays of so many floats, of which nothing is said but that they do not overlap; those taken before are void. */
  take(counts: readonly number[]): Float32Array[] {
    const sizes = counts.map((count) => Math.ceil(4 * count / ALIGNMENT) * ALIGNMENT);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (bytes > this.#memory.byteLength) {
      // Gone now, not when the process next looks for what it can do without.
      this.#memory.transfer(0);
      this.#memory = new ArrayBuffer(bytes);
    }
    let at = 0;
    return counts.map((count, index) => {
      const floats = new Float32Array(this.#memory, at, count);
      at += sizes[index];
      return floats;
    });
  }
}
