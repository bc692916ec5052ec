/** What one request may take of a server. */

/** Bounds of requests. */
export interface Limits {
  /** Requests of bodies that are answered at a time, those that wait in the scheduler's queue among them. */
  readonly requests: number;
  /** Bytes of a body. */
  readonly bodyBytes: number;
  /** Milliseconds in which a body has to arrive. */
  readonly bodyMilliseconds: number;
  /** Levels of nesting of its JSON. */
  readonly depth: number;
  /** Texts that one request may ask for: prompts times `n`. */
  readonly choices: number;
  /** Milliseconds in which an answer's first token has to come. */
  readonly firstMilliseconds: number;
  /** Milliseconds that an answer may take from its request on. */
  readonly answerMilliseconds: number;
  /** Milliseconds that a stream waits for a client that does not read. */
  readonly stallMilliseconds: number;
}

/** Unless told otherwise. */
export const defaultLimits: Limits = {
  requests: 512,
  bodyBytes: 4 << 20,
  bodyMilliseconds: 30_000,
  depth: 32,
  choices: 16,
  firstMilliseconds: 300_000,
  answerMilliseconds: 600_000,
  stallMilliseconds: 60_000,
};
