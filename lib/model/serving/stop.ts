/**
 * Where a text ends: at a string, which may span tokens, or at a token. Not here: which token comes next, and text
 * of tokens (`incremental_text.ts`).
 */

import { OptionError } from "../../util/errors.ts";

/** What ends a text before its limit. */
export interface Stops {
  /** Strings of the text; they and what follows are not part of it. */
  readonly strings: readonly string[];
  /** Ids of tokens: those that end a text of the model (`endTokens`), and others. */
  readonly tokens: readonly number[];
}

/** Most stop strings, and characters of each. */
const MOST_STRINGS = 16;
const LONGEST_STRING = 256;

/**
 * Checks stop strings.
 *
 * @throws {OptionError} if there are too many, or one is empty, too long or half a character.
 *
 * @example
 * ```ts
 * import { checkStops, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * checkStops({ strings: ["\n\n"], tokens: [2] });
 * assert.throws(() => checkStops({ strings: [""], tokens: [] }), OptionError);
 * ```
 */
export function checkStops({ strings }: Stops): void {
  const refuse = (value: unknown, expected: string) => {
    throw new OptionError({ problem: "cannot end a text", option: "stop", value, expected });
  };
  if (strings.length > MOST_STRINGS) refuse(strings.length, `${MOST_STRINGS} strings at most`);
  for (const string of strings) {
    if (string === "" || string.length > LONGEST_STRING) {
      refuse(string, `1 to ${LONGEST_STRING} characters`);
    }
    if (!string.isWellFormed()) refuse(string, "whole characters");
  }
}

/** Part of a text that is certain, and whether it ends there. */
export interface CertainText {
  /** What is no part of a stop string, and can become none. */
  readonly text: string;
  /** The stop string that ended the text; `null`: it goes on. */
  readonly stop: string | null;
}

/**
 * A text that comes in parts and ends before the first stop string: the one that is whole first, of those that
 * are whole together the one that begins first. How the text is cut into parts makes no difference.
 *
 * @example
 * ```ts
 * import { StopStrings } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const stops = new StopStrings(["User:"]);
 * assert.deepEqual(stops.push("Hello. Us"), { text: "Hello. ", stop: null });
 * assert.deepEqual(stops.push("er: Hi"), { text: "", stop: "User:" });
 * ```
 */
export class StopStrings {
  readonly #strings: readonly string[];
  /** Ends of the text so far that a stop string may begin with. */
  #held = "";

  /** Of strings that {@linkcode checkStops} lets pass. */
  constructor(strings: readonly string[]) {
    this.#strings = strings;
  }

  /** The next part of the text. Once a stop string was found, there is none. */
  push(part: string): CertainText {
    const text = this.#held + part;
    let [start, end, stop] = [0, Infinity, null as string | null];
    for (const string of this.#strings) {
      const at = text.indexOf(string);
      if (at < 0) continue;
      const after = at + string.length;
      if (after < end || after === end && at < start) [start, end, stop] = [at, after, string];
    }
    const certain = stop === null ? text.length - this.#begun(text) : start;
    this.#held = stop === null ? text.slice(certain) : "";
    return { text: text.slice(0, certain), stop };
  }

  /** What was held back, when no more comes. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** Characters at the end of a text that a stop string begins with, at most. */
  #begun(text: string): number {
    const longest = Math.max(0, ...this.#strings.map(({ length }) => length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(-length);
      if (this.#strings.some((string) => string.startsWith(end))) return length;
    }
    return 0;
  }
}
