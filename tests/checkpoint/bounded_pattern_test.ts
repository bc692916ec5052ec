import assert from "node:assert/strict";
import { unboundedPart } from "../../lib/checkpoint/bounded_pattern.ts";

/** Patterns of published tokenizers: GPT-2, Llama 3, Qwen, o200k, DeepSeek, StarCoder, BLOOM, Gemma, Kimi, Mistral. */
const published = [
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  String
    .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String
    .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  "[一-龥\u0800-一가-퟿]+",
  String
    .raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_\x60{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*`,
  String.raw`\d{1,3}(?=(?:\d{3})*\b)`,
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
  " {2,}",
  "[0-9][0-9][0-9]",
  String
    .raw`[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{M}&&[^\p{Han}]]+(?i:'s|'t)?`,
  String
    .raw`[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
];

/** Patterns that take exponential time, or time to a high power, on a text made for them. */
const catastrophic: [string, RegExp][] = [
  ["(a+)+$", /repeats a group/],
  ["(?:a|aa)+$", /repeats a group/],
  ["(a|a)*b", /repeats a group/],
  ["(?i:a|A)*b", /repeats a group/],
  ["([a-z]+)*!", /repeats a group/],
  ["(.*)*x", /repeats a group/],
  [String.raw`^(\w+\s?)*$`, /repeats a group/],
  ["(a?){40}a{40}", /repeats a group/],
  ["((ab*)?c){9}d", /repeats a group/],
  ["(?>(?:a|aa)+)b", /repeats a group/],
  ["(?=(a+)+b)a", /repeats a group/],
  [String.raw`\s*\s*\s*x`, /several repetitions/],
  ["a*a*b", /several repetitions/],
  [String.raw`A*+\w+?\p{L}*+$`, /several repetitions/],
  ["(a+){2,}", /repeats a group/],
  [".*?,.*?,.*?x", /several repetitions/],
  ["a{0,200}a{0,200}a{0,200}b", /several repetitions/],
  ["[a-z]{1,300}[a-z]{1,300}x", /several repetitions/],
  [String.raw`(a+)b\1`, /Backreference/],
  [String.raw`\((?:[^()]|\g<0>)*\)`, /repeats a group|Subroutine/],
  ["(unclosed", /not understood/],
];

Deno.test("patterns of published tokenizers may run", () => {
  for (const pattern of published) assert.equal(unboundedPart(pattern), null, pattern);
});

Deno.test("patterns whose backtracking has no bound are told by their form", () => {
  for (const [pattern, reason] of catastrophic) {
    assert.match(unboundedPart(pattern) ?? "may run", reason, pattern);
  }
});

Deno.test("a group may repeat that matches in one way, or that nothing must follow", () => {
  for (
    const pattern of [
      "a*+b",
      "(?:a{3})*b",
      "(?:a|b)*c",
      "a*b",
      "(?:ab)+c",
      "(a+)+",
      "x|([a-z]+,?)*",
    ]
  ) {
    assert.equal(unboundedPart(pattern), null, pattern);
  }
});
