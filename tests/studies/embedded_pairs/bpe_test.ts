import assert from "node:assert/strict";
import fc from "fast-check";
import { TextTokenizer } from "../../../lib/checkpoint/tokenizer.ts";
import { trainingDocuments } from "../../../lib/texts/domains.ts";
import { OptionError, TextError } from "../../../lib/util/errors.ts";
import type { Progress } from "../../../lib/util/progress.ts";
import { trainBytePairEncoding } from "../../../lib/studies/embedded_pairs/bpe.ts";

interface Model {
  vocab: Record<string, number>;
  merges: string[];
}

async function trained(texts: string[], vocabularySize: number) {
  const { tokenizer, tokenizerConfig } = await trainBytePairEncoding(texts, { vocabularySize });
  const { model } = tokenizer as { model: Model };
  const encoder = await TextTokenizer.fromJson(tokenizer, tokenizerConfig, "tokenizer.json");
  return { tokenizer, model, encoder };
}

/** Special tokens and bytes. */
const fixedTokens = 3 + 256;

/**
 * Byte-pair training from its definition: the whole text, all pairs counted anew before each merge.
 * Two characters may stand in one piece unless the second alone is a space, either is a newline, or
 * both are no spaces and of different kinds.
 */
function naiveMerges(text: string, count: number): string[] {
  const kind = (c: string) =>
    /[\p{L}\p{M}]/u.test(c) ? "letter" : /\p{N}/u.test(c) ? "digit" : "sign";
  const joins = (a: string, b: string) =>
    a !== "\n" && b !== "\n" && (a === "▁" || (b !== "▁" && kind(a) === kind(b)));
  let symbols = [...`▁${text.replaceAll(" ", "▁")}`];
  const merges: string[] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (let i = 0; i + 1 < symbols.length; i++) {
      const [left, right] = [symbols[i], symbols[i + 1]];
      if (!joins([...left].at(-1)!, [...right][0])) continue;
      counts.set(`${left} ${right}`, (counts.get(`${left} ${right}`) ?? 0) + 1);
    }
    const [best] = [...counts].sort(([a, n], [b, m]) => {
      const [[leftA, rightA], [leftB, rightB]] = [a.split(" "), b.split(" ")];
      return m - n || (leftA === leftB ? (rightA < rightB ? -1 : 1) : leftA < leftB ? -1 : 1);
    });
    merges.push(best[0]);
    const [left, right] = best[0].split(" ");
    const joined: string[] = [];
    for (let i = 0; i < symbols.length; i++) {
      const isPair = symbols[i] === left && symbols[i + 1] === right;
      joined.push(isPair ? left + right : symbols[i]);
      if (isPair) i++;
    }
    symbols = joined;
  }
  return merges;
}

Deno.test("merges of a small text are those counted by hand", async () => {
  // ▁hug ×4, ▁pug ×2, ▁hugs ×1: "u g" stands 7 times, "h ug" and "▁ h" 5 times, "▁ p" twice.
  const text = "hug hug hug hug pug pug hugs";
  const { model, encoder } = await trained([text], fixedTokens + 6 + 4);
  // After "ug": "h ug" and "▁ h" tie at 5; "h" precedes "▁". Then "▁ hug" 5, then "p ug" before "▁ p".
  assert.deepEqual(model.merges, ["u g", "h ug", "▁ hug", "p ug"]);
  const ids = (pieces: string[]) => pieces.map((piece) => model.vocab[piece]);
  assert.deepEqual(
    await encoder.encodeWithoutSpecial("hugs pug"),
    ids(["▁hug", "s", "▁", "pug"]),
  );
  assert.equal(model.vocab["ug"], fixedTokens);
});

Deno.test("training counts as the definition does", async () => {
  const [prose] = await trainingDocuments("general");
  const code = (await trainingDocuments("code")).map(({ text }) => text).slice(300, 306).join("\n");
  for (const text of [prose.text.slice(0, 1500), code.slice(0, 2500), "aaaaaaa aaaa aaa    a  a"]) {
    const characters = new Set(`▁${text}`.replace(/[\n ]/g, "")).size;
    const count = text.startsWith("aaaa") ? 5 : 120;
    const { model } = await trained([text], fixedTokens + characters + count);
    assert.deepEqual(model.merges.slice(0, count), naiveMerges(text, count));
  }
});

Deno.test("the vocabulary has the size asked for, each id once, no piece across words", async () => {
  const texts = (await trainingDocuments("code")).slice(0, 60).map(({ text }) => text);
  const { tokenizer, model, encoder } = await trained(texts, 700);
  assert.deepEqual(
    Object.values(model.vocab).sort((a, b) => a - b),
    Array.from({ length: 700 }, (_, id) => id),
  );
  assert.equal(encoder.vocabularySize, 700);
  assert.deepEqual([encoder.bosToken, encoder.eosToken], [1, 2]);
  for (const piece of Object.keys(model.vocab)) assert.doesNotMatch(piece, /[^▁]▁|\n/);
  assert.ok("▁▁" in model.vocab, "indentation has pieces");
  assert.deepEqual((await trained(texts, 700)).tokenizer, tokenizer);
  assert.deepEqual((await trained([...texts].reverse(), 700)).model.merges, model.merges);
});

Deno.test("any text comes back from its ids, known characters or not", async () => {
  const texts = (await trainingDocuments("code")).slice(0, 40).map(({ text }) => text);
  const { encoder } = await trained(texts, 600);
  const characters = fc.oneof(
    fc.constantFrom(" ", "  ", "\n", "\t", "return", "the", "(", "é", "日本", "🙂"),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  const anyText = fc.array(characters, { minLength: 1, maxLength: 24 })
    .map((parts) => parts.join(""))
    // "▁" stands for a space, and special tokens may be spelled out: neither comes back.
    .filter((text) => text !== "" && !/▁|<\/?s>|<unk>/.test(text));
  await fc.assert(fc.asyncProperty(anyText, async (text) => {
    const ids = await encoder.encode(text);
    assert.equal(await encoder.decode(ids), text);
    assert.equal(ids[0], encoder.bosToken);
  }));
});

Deno.test("progress is told and a signal stops the training", async () => {
  const [{ text }] = await trainingDocuments("general");
  const reports: Progress[] = [];
  const stop = new AbortController();
  const training = trainBytePairEncoding([text], {
    vocabularySize: 800,
    signal: stop.signal,
    onProgress: (progress) => {
      reports.push(progress);
      if (reports.length === 2) stop.abort(new Error("stopped"));
    },
  });
  await assert.rejects(training, /stopped/);
  assert.deepEqual(reports.map(({ done }) => done), [32, 64]);
});

Deno.test("a vocabulary too small, or texts too short for it, are refused", async () => {
  await assert.rejects(trainBytePairEncoding(["abc"], { vocabularySize: 260 }), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, /'vocabularySize'.*got 260; expected a whole number above 263/);
    return true;
  });
  await assert.rejects(trainBytePairEncoding(["abab"], { vocabularySize: 400 }), TextError);
  await assert.rejects(trainBytePairEncoding([], { vocabularySize: 400 }), TextError);
});
