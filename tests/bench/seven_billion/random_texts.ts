/** Text of no meaning for models of no meaning: words of random letters, the same each time. */

import { SeededRandom } from "../../../lib/util/random.ts";

const LETTERS = "etaoinshrdlu";
const WORDS = 3000;
/** Words of a text: more than enough tokens for a calibration sequence. */
const LENGTH = 220;

/** So many texts. */
export function randomTexts(count: number): string[] {
  const random = new SeededRandom(1);
  const pick = <T>(from: ArrayLike<T>) => from[random.integer(from.length)];
  const word = () => Array.from({ length: 2 + random.integer(8) }, () => pick(LETTERS)).join("");
  const words = Array.from({ length: WORDS }, word);
  return Array.from(
    { length: count },
    () => Array.from({ length: LENGTH }, () => pick(words)).join(" "),
  );
}
