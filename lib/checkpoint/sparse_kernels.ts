/** Functions of the float kernels on a few elements of a block, by their positions: whole numbers of 32 bits. */

/** What is done with positions; parts of {@linkcode FloatKernels}. */
export interface SparseKernels {
  /**
   * Writes where the bits of a mask are set, ascending.
   *
   * @param mask bit i mod 8 of byte ⌊i / 8⌋ stands for element i.
   * @param count of elements, of which a mask has a bit each.
   * @returns how many positions there are.
   */
  readonly positionsOfMask: (mask: number, positions: number, count: number) => number;
  /**
   * Writes positions that are kept in two parts: the lowest `places` bits of each one after another in `low`, and
   * for the rest, j, as many zeros in `high` before the j-th one (Elias 1974, Fano 1971).
   *
   * @param bits of `high`.
   * @param count of positions.
   * @returns the largest of them; −1 where `high` has not so many ones.
   */
  readonly positionsOfParts: (
    high: number,
    bits: number,
    low: number,
    places: number,
    positions: number,
    count: number,
  ) => number;
  /** Writes `kept` positions below `count`, ascending, each set of so many as likely as any other. */
  readonly sample: (seed: number, positions: number, kept: number, count: number) => void;
  /** Adds values to the floats at `count` positions. */
  readonly addAt: (floats: number, positions: number, count: number, values: number) => void;
  /** Adds ±scale to the floats at `count` positions: + where bit i mod 8 of byte ⌊i / 8⌋ of `signs` is set. */
  readonly addSignsAt: (
    floats: number,
    positions: number,
    count: number,
    signs: number,
    scale: number,
  ) => void;
  /**
   * Adds whole numbers of steps of `2^shift` to the bits of the floats at `count` positions, as numbers of 32 bits.
   *
   * @param planes the `bytes` lowest bytes of each step, folded as 0, −1, 1, −2, …; the lowest byte of all first, and
   * each plane `stride` bytes after the one before.
   */
  readonly stepAt: (
    floats: number,
    positions: number,
    count: number,
    planes: number,
    stride: number,
    bytes: number,
    shift: number,
  ) => void;
}
