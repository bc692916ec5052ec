/**
 * Which regular expressions of a tokenizer may run: those whose backtracking is bounded. The engine of
 * the reference, Oniguruma, gives up after ten million steps back by ending the whole process, and a
 * thread of native code cannot be stopped, so that a pattern is judged before it sees any text.
 *
 * A rough and safe judgement from the pattern's form, not a proof: it refuses some that would do.
 * Patterns of published tokenizers (GPT-2, Llama 3, Qwen, o200k, DeepSeek) pass.
 */

import { toOnigurumaAst } from "oniguruma-parser";
import type { AlternativeNode, Node, OnigurumaAst, QuantifierNode } from "oniguruma-parser/parser";

/** Lengths of a run, by which an unbounded repetition may end at that many places. */
const UNBOUNDED = 10_000;
/**
 * Ways to match what stands before a part that may fail, up to which all of them may be tried. What
 * is possessive or atomic has one way, but counts as any other for the work of finding it.
 */
const MOST_WAYS = 30_000;
/** Rounds of a group from which it counts as repeated. */
const FEW_ROUNDS = 3;

/** Why a pattern may take unbounded time, in a few words, or `null` if its time is bounded. */
export function unboundedPart(pattern: string): string | null {
  let parsed: OnigurumaAst;
  try {
    parsed = toOnigurumaAst(pattern);
  } catch (cause) {
    return `is not understood (${(cause as Error).message})`;
  }
  try {
    waysOf(parsed.body, 1);
    return null;
  } catch (cause) {
    if (cause instanceof Unbounded) return cause.message;
    throw cause;
  }
}

/** Whether a pattern may match without a character, so far as its form tells; it is understood. */
export function matchesNothing(pattern: string): boolean {
  return mayBeEmpty(toOnigurumaAst(pattern).body);
}

function mayBeEmpty(alternatives: readonly AlternativeNode[]): boolean {
  return alternatives.some(({ body }) =>
    body.every((node) => {
      switch (node.type) {
        case "Quantifier":
          return node.min === 0 || mayBeEmpty([{ type: "Alternative", body: [node.body] }]);
        case "Group":
        case "CapturingGroup":
          return mayBeEmpty(node.body);
        default:
          return !node.type.startsWith("Character");
      }
    })
  );
}

class Unbounded extends Error {}

/** Ways to match the most ambiguous of some alternatives, after what may match in `before` ways. */
function waysOf(alternatives: readonly AlternativeNode[], before: number): number {
  return Math.max(...alternatives.map(({ body }) => body.reduce(waysAfter, before)));
}

function waysAfter(before: number, node: Node): number {
  if (node.type === "Quantifier") return waysAfterQuantifier(before, node);
  // Whatever is not optional may fail, and then every way to match what is before it is tried.
  checkWays(before);
  switch (node.type) {
    case "Group":
    case "CapturingGroup":
      return waysOf(node.body, before);
    case "LookaroundAssertion":
      // What is found there may be what must not follow, so that its end may fail too.
      checkWays(waysOf(node.body, before));
      return before;
    case "Assertion":
    case "Character":
    case "CharacterClass":
    case "CharacterSet":
      return before;
    case "Directive":
      if (node.kind === "flags") return before;
  }
  throw new Unbounded(`has a ${node.type}, whose time has no bound`);
}

function checkWays(ways: number): void {
  if (ways <= MOST_WAYS) return;
  throw new Unbounded(
    ways < Infinity
      ? "has several repetitions in a row before a part that may not follow"
      : "repeats a group that may match the same text in several ways",
  );
}

function waysAfterQuantifier(before: number, { min, max, body }: QuantifierNode): number {
  // A part that may be left out cannot fail: what is before it is tried but once.
  const inner = waysAfter(min > 0 ? before : 1, body) / (min > 0 ? before : 1);
  if (max > FEW_ROUNDS && isAmbiguous(body)) {
    // The second round must follow the first, in all its ways.
    if (min > 1) checkWays(Infinity);
    return Infinity;
  }
  const rounds = Math.min(max - min + 1, UNBOUNDED);
  return before * rounds * inner ** Math.min(max, FEW_ROUNDS);
}

/** Whether a part may match one text in more than one way, so far as its form tells. */
function isAmbiguous(node: Node): boolean {
  switch (node.type) {
    case "Quantifier":
      return node.min !== node.max || isAmbiguous(node.body);
    case "Group":
    case "CapturingGroup":
      return areAmbiguous(node.body);
    default:
      return false;
  }
}

function areAmbiguous(alternatives: readonly AlternativeNode[]): boolean {
  if (alternatives.some(({ body }) => body.some(isAmbiguous))) return true;
  if (alternatives.length === 1) return false;
  const characters = alternatives.map(({ body: [first, ...rest] }) =>
    first?.type === "Character" && rest.length === 0
      ? String.fromCodePoint(first.value).toLowerCase()
      : null
  );
  return characters.includes(null) || new Set(characters).size < characters.length;
}
