import assert from "node:assert/strict";
import { copyLength, longSentences, withoutSentencesOf } from "../../lib/texts/overlap.ts";
import { groupByLength } from "../../lib/texts/document.ts";

const long = "this sentence is written at some length so that it cannot be chance";
assert.ok(long.length >= copyLength);

Deno.test("long sentences come without the marks around them", () => {
  const line = `For example: "${long}!" And more.`;
  assert.deepEqual(
    longSentences(`${line}
 ${long}.`),
    [
      line.slice(0, line.indexOf("!")),
      long,
      long,
    ],
  );
});

Deno.test("passages with a scored sentence go, the others and short ones stay", () => {
  const scored = [{ name: "s", text: `Answer: ${long}. Short.` }];
  const training = [
    { name: "a", text: `first\n\nQuestion: ${long}; and on.\n\nShort. last` },
    { name: "b", text: `${long}` },
    { name: "c", text: long.slice(1) },
  ];
  assert.deepEqual(withoutSentencesOf(scored, training, "\n\n"), [
    { name: "a", text: "first\n\nShort. last" },
    { name: "c", text: long.slice(1) },
  ]);
});

Deno.test("pieces are grouped in order, a short rest joins the last group", () => {
  assert.deepEqual(groupByLength(["aaaa", "bb", "cccc", "dd", "e"], 6, "\n"), [
    "aaaa\nbb",
    "cccc\ndd\ne",
  ]);
  assert.deepEqual(groupByLength(["a"], 6, "\n"), ["a"]);
  assert.deepEqual(groupByLength([], 6, "\n"), []);
});
