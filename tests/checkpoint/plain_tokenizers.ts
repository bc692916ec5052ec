/**
 * Tokenizers of four families as their papers have them, without any care for speed: what the native
 * module is compared with on many texts. Of each only what the small tokenizers beside the tests do.
 */

import { tokenizerFixture } from "./fixture_tokenizer.ts";
import { byteToken } from "./tokenizer_definitions.ts";

/** Ids of a text and nothing else. */
export type Encode = (text: string) => number[];

const utf8 = (text: string) => [...new TextEncoder().encode(text)];

/** Merges the pair of lowest rank, the first of its kind, until none is left (Sennrich et al. 2016). */
function mergePairs(symbols: string[], ranks: ReadonlyMap<string, number>): string[] {
  for (;;) {
    const found = symbols.slice(1)
      .map((second, at) => ({ at, rank: ranks.get(`${symbols[at]} ${second}`) ?? Infinity }))
      .sort((one, other) => one.rank - other.rank || one.at - other.at)[0];
    if (found === undefined || found.rank === Infinity) return symbols;
    symbols = symbols.toSpliced(found.at, 2, symbols[found.at] + symbols[found.at + 1]);
  }
}

const ranksOf = (merges: readonly (readonly string[])[]) =>
  new Map(merges.map((merge, rank) => [merge.join(" "), rank]));

/** GPT-2's letter for each byte: printable ones stand for themselves, others for letters from 256 on. */
const BYTE_LETTERS = (() => {
  const isPlain = (byte: number) => byte > 32 && byte < 127 || byte > 160 && byte !== 173;
  let next = 256;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(isPlain(byte) ? byte : next++),
  );
})();

async function byteLevel(): Promise<Encode> {
  const { model, pre_tokenizer } = await tokenizerFixture("byte-level");
  const ranks = ranksOf(model.merges);
  const pattern = new RegExp(pre_tokenizer.pretokenizers[0].pattern.Regex, "gu");
  return (text) =>
    [...text.matchAll(pattern)].flatMap(([word]) => {
      const letters = utf8(word).map((byte) => BYTE_LETTERS[byte]);
      const whole = model.vocab[letters.join("")];
      return whole !== undefined
        ? [whole]
        : mergePairs(letters, ranks).map((piece) => model.vocab[piece]);
    });
}

/** BPE on the characters of the whole text, with `▁` for each space and bytes for what is not known. */
async function replace(): Promise<Encode> {
  const { model: { vocab, merges } } = await tokenizerFixture("replace");
  const ranks = ranksOf(merges);
  return (text) => {
    const letters = [...text.replaceAll(" ", "▁")]
      .flatMap((letter) => letter in vocab ? [letter] : utf8(letter).map(byteToken));
    return mergePairs(letters, ranks).map((piece) => vocab[piece]);
  };
}

/** The segmentation of each word with the largest sum of scores (Kudo 2018). */
async function unigram(): Promise<Encode> {
  const { model }: { model: { vocab: [string, number][] } } = await tokenizerFixture("unigram");
  const pieces = new Map(model.vocab.map(([piece, score], id) => [piece, { score, ids: [id] }]));
  const longest = Math.max(...model.vocab.map(([piece]) => piece.length));
  const unknown = Math.min(...model.vocab.map(([, score]) => score)) - 10;
  const segment = (word: string): number[] => {
    const letters = [...word];
    const best: { score: number; ids: number[] }[] = [{ score: 0, ids: [] }];
    for (let end = 1; end <= letters.length; end++) {
      for (let start = Math.max(0, end - longest); start < end; start++) {
        const text = letters.slice(start, end).join("");
        const isLoneUnknown = end - start === 1 && !pieces.has(text);
        const piece = isLoneUnknown
          ? { score: unknown, ids: utf8(text).map((byte) => pieces.get(byteToken(byte))!.ids[0]) }
          : pieces.get(text);
        if (piece === undefined) continue;
        const score = best[start].score + piece.score;
        if (best[end] && score <= best[end].score) continue;
        best[end] = { score, ids: [...best[start].ids, ...piece.ids] };
      }
    }
    return best[letters.length].ids;
  };
  return (text) => {
    const spaced = text.replace(/[\t\n]/g, " ").normalize("NFKC").replace(/ {2,}/g, " ")
      .replaceAll(" ", "▁");
    if (spaced === "") return [];
    const marked = spaced.startsWith("▁") ? spaced : `▁${spaced}`;
    return marked.match(/▁[^▁]*/gu)!.flatMap(segment);
  };
}

/** The longest known beginning of what is left of a word, again and again (Wu et al. 2016). */
async function wordPiece(): Promise<Encode> {
  const { model } = await tokenizerFixture("word-piece");
  const cut = (word: string): number[] => {
    const letters = [...word];
    if (letters.length > model.max_input_chars_per_word) return [model.vocab[model.unk_token]];
    const ids: number[] = [];
    for (let start = 0, end = 0; start < letters.length; start = end) {
      const prefix = start > 0 ? model.continuing_subword_prefix : "";
      for (end = letters.length; end > start; end--) {
        const id = model.vocab[prefix + letters.slice(start, end).join("")];
        if (id === undefined) continue;
        ids.push(id);
        break;
      }
      if (end === start) return [model.vocab[model.unk_token]];
    }
    return ids;
  };
  return (text) => {
    const plain = text.replace(/[\u4e00-\u9fff]/gu, " $& ").normalize("NFD")
      .replace(/\p{Mn}/gu, "").toLowerCase();
    return (plain.match(/[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+/gu) ?? []).flatMap(cut);
  };
}

/** A plain tokenizer of each family. */
export const plainTokenizers: Readonly<Record<string, () => Promise<Encode>>> = {
  "byte-level": byteLevel,
  replace,
  unigram,
  "word-piece": wordPiece,
};
