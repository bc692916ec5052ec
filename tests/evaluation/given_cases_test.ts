/** Perplexities of transformers 5.18 on given models, tokenizers and texts, 12 kB of wikitext-2's test split. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { textFile } from "../../lib/texts/text_file.ts";
import { scoreDocuments } from "../../lib/evaluation/score_documents.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { tokenText } from "../../lib/evaluation/token_text.ts";
import { projectPath } from "../../lib/util/project.ts";
import { testWithShared } from "../shared.ts";

const windows = { context: 256, window: 128 };
const unigram = "cases/02-unigram-byte-fallback";

async function perplexity(model: string, tokenizer: TextTokenizer, text: string): Promise<string> {
  using checkpoint = await Checkpoint.open(model);
  const settings = { tokenizer, windows, bootstrapSeed: 1 };
  const { documents } = await textFile(text);
  const engine = onnxEngine({ threads: 1 });
  const { summary } = await scoreDocuments(engine, checkpoint, "given", documents, settings);
  return summary.perplexity.toFixed(2);
}

testWithShared("a Unigram tokenizer with byte fallback", async (shared) => {
  const tokenizer = await TextTokenizer.open(join(shared, unigram));
  const text = join(shared, unigram, "wiki12k.txt");
  assert.equal(await perplexity(join(shared, "real/stories260k"), tokenizer, text), "113.26");
});

testWithShared(
  "a tokenizer of one token more than the model, which no text has",
  async (shared) => {
    const folder = projectPath("data/checkpoints/llama-base");
    const [definition, settings] = await Promise.all(
      ["tokenizer.json", "tokenizer_config.json"].map(async (name) =>
        JSON.parse(await Deno.readTextFile(join(folder, name)))
      ),
    );
    const beyond = { ...definition.added_tokens[0], id: 1024, content: "<pad>", special: false };
    definition.added_tokens.push(beyond);
    const tokenizer = await TextTokenizer.fromJson(definition, settings, "tokenizer.json", 1024);
    const text = join(shared, unigram, "wiki12k.txt");
    assert.equal(await perplexity(folder, tokenizer, text), "85.34");
    await assert.rejects(tokenizer.encode("a <pad>"), /got 1024; expected ids below 1024/);
  },
);

testWithShared(
  "documents whose spaces are joined, or that spell special tokens",
  async (shared) => {
    const cases = join(shared, "cases/10-text-bytes-lost");
    // Two newlines after each row; before the first <s>, and the prefix space where the row has its own.
    for (
      const [tokenizer, file, tokens] of [
        [cases, "indent.jsonl", [4, 2, 2, 2].map((more) => 280 + more)],
        [
          join(shared, "real/stories260k"),
          "strike.jsonl",
          [3, 2, 2, 2, 2, 2].map((more) => 1080 + more),
        ],
      ] as const
    ) {
      const { documents } = await textFile(join(cases, file));
      const { documentOf, bytes } = await tokenText(
        file,
        documents,
        await TextTokenizer.open(tokenizer),
      );
      const counts = documents.map((_, document) =>
        documentOf.filter((of) => of === document).length
      );
      assert.deepEqual(counts.slice(0, tokens.length), tokens);
      const whole = documents.map(({ text }) => `${text}\n\n`).join("");
      const length = new TextEncoder().encode(whole).length;
      assert.equal(bytes.reduce((sum, each) => sum + each, 0), length);
    }
  },
);
