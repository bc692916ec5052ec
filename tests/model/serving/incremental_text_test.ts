/** Text of tokens as they come against what the tokenizer makes of all of them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { TextTokenizer } from "../../../lib/checkpoint/tokenizer.ts";
import { IncrementalText } from "../../../lib/model/serving/incremental_text.ts";
import { checkStops, StopStrings } from "../../../lib/model/serving/stop.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import { fixtureTokenizer } from "../../checkpoint/fixture_tokenizer.ts";
import { hardTexts } from "../../checkpoint/hard_texts.ts";
import {
  byteFallbackDefinition,
  byteLevelDefinition,
  open,
} from "../../checkpoint/tokenizer_definitions.ts";

const FAMILIES = ["byte-level", "metaspace", "replace", "unigram", "word-level", "word-piece"];
const tokenizers: [string, () => Promise<TextTokenizer>][] = [
  ["pieces and bytes", () => open(byteFallbackDefinition())],
  ["bytes alone", () => open(byteLevelDefinition())],
  ...FAMILIES.map((name): [string, () => Promise<TextTokenizer>] => [
    name,
    () => fixtureTokenizer(name),
  ]),
];

function parts(tokenizer: TextTokenizer, ids: readonly number[]): string[] {
  const text = new IncrementalText(tokenizer.decoder);
  return [...ids.map((id) => text.push(id)), text.end()];
}

for (const [name, load] of tokenizers) {
  Deno.test(`${name}: parts of any tokens are together the text of all`, async () => {
    const tokenizer = await load();
    const id = fc.integer({ min: 0, max: tokenizer.vocabularySize });
    await fc.assert(
      fc.asyncProperty(fc.array(id, { maxLength: 40 }), async (ids) => {
        assert.equal(parts(tokenizer, ids).join(""), await tokenizer.decode(ids));
      }),
      { numRuns: 300 },
    );
  });
}

for (const name of FAMILIES) {
  Deno.test(`${name}: no part of a text has half a character, and few tokens are held back`, async () => {
    const tokenizer = await fixtureTokenizer(name);
    for (const text of hardTexts(["<s>"], 40, 5)) {
      const whole = text.toWellFormed();
      const ids = await tokenizer.encode(whole);
      const expected = await tokenizer.decode(ids);
      const given = parts(tokenizer, ids);
      assert.equal(given.join(""), expected);
      if (!expected.includes("\ufffd")) {
        assert.ok(given.every((part) => part.isWellFormed() && !part.includes("\ufffd")));
      }
    }
  });
}

for (const name of FAMILIES) {
  Deno.test(`${name}: a text and what it goes on with are together the text of both`, async () => {
    const tokenizer = await fixtureTokenizer(name);
    for (const [index, text] of hardTexts(["<s>"], 12, 6).entries()) {
      const ids = await tokenizer.encode(text.toWellFormed());
      const cut = index % (ids.length + 1);
      const [before, whole] = [ids.slice(0, cut), ids].map((each) =>
        tokenizer.decoder.decode(each)
      );
      const after = new IncrementalText(tokenizer.decoder, Int32Array.from(ids.slice(0, cut)));
      const rest = ids.slice(cut).map((id) => after.push(id)).join("") + after.end();
      // A cut within a character is none of the text.
      if (whole.startsWith(before)) assert.equal(before + rest, whole);
      else assert.ok(before.includes("\ufffd"), `${before} in ${whole}`);
    }
  });
}

Deno.test("a byte-level text of bytes that are no characters is read a few tokens at a time", async () => {
  const tokenizer = await open(byteLevelDefinition());
  let longest = 0;
  const { decoder } = tokenizer;
  const watched = Object.create(decoder, {
    isSpecial: { value: () => false },
    isByte: { value: () => false },
    decode: {
      value(ids: readonly number[]) {
        longest = Math.max(longest, ids.length);
        return decoder.decode(ids);
      },
    },
  });
  for (const bytes of [[3], [4], [3, 3, 4], [1], [2], [0, 1]]) {
    const ids = Array.from({ length: 300 }, (_, index) => bytes[index % bytes.length]);
    const text = new IncrementalText(watched);
    longest = 0;
    let given = ids.map((id) => text.push(id)).join("");
    assert.ok(longest < 32, `${longest} tokens`);
    given += text.end();
    assert.equal(given, await tokenizer.decode(ids));
  }
});

Deno.test("a text ends before the stop string that is whole first, however it is cut", () => {
  const unit = fc.constantFrom("a", "b", "c", "🙂");
  const text = fc.string({ unit, maxLength: 40 });
  const string = fc.string({ unit, minLength: 1, maxLength: 5 });
  const cuts = fc.array(fc.nat(6), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, fc.array(string, { maxLength: 4 }), cuts, (text, strings, cuts) => {
      // One character at a time: whichever stop string the text ends with, the longest of them.
      let [expected, found] = [text, null as string | null];
      for (let end = 1; end <= text.length && found === null; end++) {
        const ending = strings.filter((each) => text.slice(0, end).endsWith(each));
        found = ending.sort((one, other) => other.length - one.length)[0] ?? null;
        if (found !== null) expected = text.slice(0, end - found.length);
      }
      const stops = new StopStrings(strings);
      let [given, stop, at] = ["", null as string | null, 0];
      for (let turn = 0; stop === null && at < text.length; turn++) {
        const length = cuts[turn % cuts.length] + 1;
        const part = stops.push(text.slice(at, at + length));
        at += length;
        stop = part.stop;
        given += part.text;
        assert.ok(expected.startsWith(given));
        // What is held back might become a stop string.
        const held = text.slice(given.length, at);
        assert.ok(stop !== null || held === "" || strings.some((each) => each.startsWith(held)));
      }
      assert.equal(stop === null ? given + stops.end() : given, expected);
      assert.equal(stop, found);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("stop strings that are empty, too many, too long or half a character are refused", () => {
  for (const strings of [[""], ["a".repeat(257)], ["\ud83d"], Array(17).fill("a")]) {
    assert.throws(() => checkStops({ strings, tokens: [] }), OptionError);
  }
  checkStops({ strings: ["a".repeat(256), "🙂"], tokens: [2] });
});
