/** Numbers where an engine computes, as all see them who hold some. */

/** Numbers that lie where an engine computes, for its programs to read as often as they like. */
export interface Placed {
  /** Elements. */
  readonly length: number;
  /** Bytes that it takes there. */
  readonly byteLength: number;
  /** Whether what it was placed from may change: it is not looked at again. Default: only once it is released. */
  readonly isCopy?: boolean;
  /** Frees the memory; work that was started before still sees it. */
  release(): void;
}
