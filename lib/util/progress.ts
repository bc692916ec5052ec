/**
 * How long operations report and are stopped. Not a progress bar: `lib/` only tells, scripts and
 * notebooks draw.
 */

/** Bytes that one part of an operation goes through: of weights that are read, or files that are fetched. */
export interface BytesMoved {
  /** Of this part, so far. */
  readonly done: number;
  /** Of this part, in all. */
  readonly total: number;
  /** How many of those done an earlier run moved. */
  readonly resumed?: number;
}

/** One report of a long operation. */
export interface Progress {
  /** Units finished so far. */
  readonly done: number;
  /** Units in all. */
  readonly total: number;
  /** How many of those finished an earlier run did: they say nothing of the time that is left. */
  readonly resumed?: number;
  /** What is being done, for a person. */
  readonly label: string;
  /** Where the work moves bytes: they tell better than units how far it is, and its rate. */
  readonly bytes?: BytesMoved;
}

/** Options that every long operation takes. */
export interface Watch {
  /** Called after each unit of work. */
  onProgress?: (progress: Progress) => void;
  /** Stops the operation before its next unit of work; it then throws the signal's reason. */
  signal?: AbortSignal;
}
