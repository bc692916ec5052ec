/**
 * Parts of a `tokenizer.json` at which the native module would end the whole process, sooner or later:
 * what it takes for granted is checked here, and refused by name. Found by reading mutated definitions
 * of every part; which values are right otherwise is the native module's business. A part is known by its
 * fields, as the native module knows one without a `type`.
 */

import type { Fault } from "../util/errors.ts";
import { matchesNothing, unboundedPart } from "./bounded_pattern.ts";
import { charsmapFault } from "./charsmap.ts";

/** Throws an error about the file. */
export type Refuse = (fault: Fault) => never;

/** The parts of a definition that this looks at, whatever they hold. */
interface Parts {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly post_processor?: unknown;
  readonly decoder?: unknown;
  readonly model: {
    readonly continuing_subword_prefix?: string | null;
    readonly merges?: readonly (string | readonly string[])[] | null;
  };
}

/** Refuses the first part that the native module would not survive. */
export function checkFatalParts(parts: Parts, refuse: Refuse): void {
  checkMerges(parts.model, refuse);
  checkPatterns(parts, refuse);
  checkNormalizer(parts.normalizer, refuse);
  checkPreTokenizer(parts.pre_tokenizer, refuse);
  checkTemplates(parts.post_processor, refuse);
  checkDecoder(parts.decoder, refuse);
}

/** The prefix is cut off a merge's second part, whether it is there or not. */
function checkMerges(
  { continuing_subword_prefix: prefix, merges }: Parts["model"],
  refuse: Refuse,
): void {
  if (!prefix || !merges) return;
  for (const merge of merges) {
    const [, second] = typeof merge === "string" ? merge.split(" ") : merge;
    if (second === undefined || second.startsWith(prefix)) continue;
    refuse({
      problem: "a merge's second part does not continue a word",
      option: "model.merges",
      value: merge,
      expected: `'${prefix}' before it, the continuing_subword_prefix`,
    });
  }
}

function checkPatterns(parts: Parts, refuse: Refuse): void {
  for (const part of ["normalizer", "pre_tokenizer", "decoder"] as const) {
    for (const { Regex: pattern } of objectsIn(parts[part])) {
      const problem = typeof pattern === "string" && unboundedPart(pattern);
      if (!problem) continue;
      refuse({
        problem: `a pattern of its ${part} ${problem}`,
        value: pattern,
        expected: "a regular expression whose time is bounded",
      });
    }
  }
}

function checkNormalizer(normalizer: unknown, refuse: Refuse): void {
  for (const part of objectsIn(normalizer)) {
    // What is replaced at the end of a text must have a character there.
    if (typeof part.Regex === "string" && matchesNothing(part.Regex)) {
      const problem = "a pattern of its normalizer may match no character, as at the end of a text";
      refuse({ problem, value: part.Regex, expected: "one character or more to replace" });
    }
    const isCharsmap = part.type === "Precompiled" || "precompiled_charsmap" in part;
    const fault = isCharsmap && charsmapFault(part.precompiled_charsmap);
    if (!fault) continue;
    const expected = "a map of characters as SentencePiece compiles it, in base64";
    refuse({ problem: `its precompiled_charsmap ${fault}`, option: "normalizer", expected });
  }
}

function checkPreTokenizer(preTokenizer: unknown, refuse: Refuse): void {
  for (const { length } of objectsIn(preTokenizer)) {
    if (length !== 0) continue;
    const problem = "cuts a text into pieces of no length";
    refuse({ problem, option: "pre_tokenizer.length", value: length, expected: "1 or more" });
  }
}

/**
 * A template puts the text, its sequence `A`, among tokens that it defines. Without the text, or with it
 * twice, it gives other tokens than the text's; so do two templates, of which a text's own parts are lost.
 */
function checkTemplates(postProcessor: unknown, refuse: Refuse): void {
  const option = "post_processor";
  const templates = objectsIn(postProcessor)
    .filter((part) => part.type === "TemplateProcessing" || "single" in part).toArray();
  if (templates.length > 1) {
    const problem = "has several templates, of which the first loses the text";
    refuse({ problem, option, value: templates.length, expected: "one TemplateProcessing" });
  }
  for (const template of templates) {
    const defined = Object.keys(template.special_tokens ?? {});
    for (const { SpecialToken: token } of objectsIn([template.single, template.pair])) {
      const id = (token as { id?: unknown } | undefined)?.id;
      if (typeof id !== "string" || defined.includes(id)) continue;
      const problem = "a template names a token that it does not define";
      refuse({ problem, option, value: id, expected: "one of special_tokens" });
    }
    const texts = sequencesOf(template.single);
    if (texts.length === 1 && texts[0] === "A") continue;
    const problem = "a template does not hold the text once";
    refuse({ problem, option, value: template.single, expected: "one sequence A, the text" });
  }
}

/** Names of the sequences of a template, written as a list of objects or in short: `"<s> $A"`. */
function sequencesOf(template: unknown): unknown[] {
  const pieces = typeof template === "string" ? template.split(" ") : template;
  if (!Array.isArray(pieces)) return [];
  return pieces.flatMap((piece) => {
    if (typeof piece !== "string") return piece?.Sequence ? [piece.Sequence.id] : [];
    if (!piece.startsWith("$")) return [];
    return [/^\$B/i.test(piece) ? "B" : "A"];
  });
}

/** Stripping the end of a token takes for granted that it is so long. */
function checkDecoder(decoder: unknown, refuse: Refuse): void {
  for (const { stop } of objectsIn(decoder)) {
    if (stop === undefined || stop === 0) continue;
    const problem = "strips the end of each token, however short";
    refuse({ problem, option: "decoder.stop", value: stop, expected: "0" });
  }
}

/** Every object inside a value of JSON, itself included. */
export function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const part of Object.values(value)) yield* objectsIn(part);
}
