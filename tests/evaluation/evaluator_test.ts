/** Scores of tiny models against a plain float64 decoder and the definitions of the scores. */

import assert from "node:assert/strict";
import { CheckpointError, TextError } from "../../lib/util/errors.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import type { DocumentScores, ScoreSummary } from "../../lib/evaluation/scores.ts";
import type { TokenText } from "../../lib/evaluation/token_text.ts";
import { type ScoredWindow, slidingWindows } from "../../lib/evaluation/windows.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { PlacedModels } from "../../lib/model/placed_models.ts";
import { withMemory } from "../graph/with_memory.ts";
import { countingEngine } from "../methods/counting_engine.ts";
import { engine } from "../methods/oracle_pair.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { argmax, crossEntropy, klDivergence } from "../graph/plain/likelihood.ts";
import { streamingEngine } from "../model/watched_engine.ts";
import { type RandomModel, randomModel, randomTokens, tinyConfig } from "../model/random_model.ts";
import { textOfTokens } from "./oracle_perplexity.ts";

const PROTOCOL = { context: 8, window: 4 };
const BOUND = 1e-5;

/** Random tokens in four documents, the first of which is never scored. */
function randomText(count: number): TokenText {
  const random = new SeededRandom(3);
  const ends = [6, 20, 37, Infinity];
  return {
    ...textOfTokens("random text", [...randomTokens(tinyConfig, count, 4)]),
    bytes: Int32Array.from({ length: count }, () => random.integer(6)),
    documentOf: Int32Array.from({ length: count }, (_, at) => ends.findIndex((end) => at < end)),
    documents: ["never scored", "one", "two", "three"],
  };
}

/** NLL, KL and agreement of each scored token of a window, by the plain decoder. */
function plainWindow(
  model: RandomModel,
  reference: RandomModel,
  text: TokenText,
  at: ScoredWindow,
) {
  const tokens = Float64Array.from(text.tokens.subarray(at.begin, at.end));
  const { vocabularySize } = tinyConfig;
  const [logits, wanted] = [model, reference].map(({ config, tensors }) => {
    const weights = Object.fromEntries(
      [...tensors].map(([name, values]) => [name, Float64Array.from(values)]),
    );
    const all = decoderLogits(config, weights, tokens, { batch: 1, sequence: tokens.length });
    const end = tokens.length - 1;
    return all.subarray((end - at.scored) * vocabularySize, end * vocabularySize);
  });
  const first = argmax(logits, vocabularySize);
  return {
    nll: crossEntropy(logits, text.tokens.subarray(at.end - at.scored, at.end)),
    kl: klDivergence(wanted, logits, vocabularySize),
    agreement: argmax(wanted, vocabularySize).map((token, row) => +(token === first[row])),
  };
}

/** The summary by its definitions. */
function plainSummary(model: RandomModel, reference: RandomModel, text: TokenText): ScoreSummary {
  const documents = text.documents.map((name) => (
    { name, tokens: 0, bytes: 0, nll: 0, kl: 0, agreement: 0 }
  ));
  const windowNll: number[] = [];
  for (const window of slidingWindows(text.tokens.length, PROTOCOL, text.name)) {
    const { nll, kl, agreement } = plainWindow(model, reference, text, window);
    windowNll.push(nll.reduce((sum, each) => sum + each, 0) / nll.length);
    for (let index = 0; index < nll.length; index++) {
      const at = window.end - window.scored + index;
      const document = documents[text.documentOf[at]];
      document.tokens += 1;
      document.bytes += text.bytes[at];
      document.nll += nll[index];
      document.kl += kl[index];
      document.agreement += agreement[index];
    }
  }
  const sum = (pick: (each: typeof documents[number]) => number) =>
    documents.reduce((total, each) => total + pick(each), 0);
  const tokens = sum((each) => each.tokens);
  return {
    perplexity: Math.exp(windowNll.reduce((total, each) => total + each, 0) / windowNll.length),
    kl: sum((each) => each.kl) / tokens,
    agreement: sum((each) => each.agreement) / tokens,
    bitsPerByte: sum((each) => each.nll) * Math.log2(Math.E) / sum((each) => each.bytes),
    tokens,
    windowNll,
    documents: documents.filter((each) => each.tokens > 0),
  };
}

/** All numbers of a summary in one list. */
function numbersOf(summary: ScoreSummary): number[] {
  const ofDocument = (
    { tokens, bytes, nll, kl, agreement }: DocumentScores,
  ) => [tokens, bytes, nll, kl!, agreement!];
  return [summary.kl!, summary.agreement!, summary.bitsPerByte, summary.tokens]
    .concat(summary.perplexity, summary.windowNll, summary.documents.flatMap(ofDocument));
}

/** Memory for whole models and batches; for none, so that each row of logits stands alone. */
const MEMORIES = { "": engine, ", without memory": withMemory(engine, 0) };

// Eleven windows are a full batch and a part of one; ten tokens are less than a window.
for (const tiedEmbeddings of [false, true]) {
  for (const count of [55, 10]) {
    for (const [memory, engine] of Object.entries(MEMORIES)) {
      const name = `${count} tokens, ${tiedEmbeddings ? "tied" : "own"} head${memory}`;
      Deno.test(`scores are those of plain loops: ${name}`, async () => {
        const config = { ...tinyConfig, tiedEmbeddings };
        const [fine, model] = [randomModel(config, 1), randomModel(config, 2)];
        const evaluator = new Evaluator(engine, config, PROTOCOL);
        const text = randomText(count);
        const reference = await evaluator.reference(fine, text);
        const found = await evaluator.score(model, text, reference);
        const expected = plainSummary(model, fine, text);
        assert.deepEqual(
          found.documents.map((each) => each.name),
          expected.documents.map((each) => each.name),
        );
        numbersOf(expected).forEach((number, index) => {
          assertWithin(
            relativeError([numbersOf(found)[index]], [number]),
            BOUND,
            `number ${index}`,
          );
        });

        const itself = await evaluator.score(fine, text, reference);
        assert.equal(itself.agreement, 1);
        assert.ok(Math.abs(itself.kl!) < 1e-7, `KL from itself is ${itself.kl}`);

        const alone = await evaluator.score(model, text);
        assert.deepEqual([alone.kl, alone.agreement], [null, null]);
        assert.deepEqual(alone.windowNll, found.windowNll);
        assert.ok(alone.documents.every(({ kl, agreement }) => kl === null && agreement === null));
        await evaluator.release();
      });
    }
  }
}

Deno.test("hidden states of a text of any length take the memory of two batches, and all are freed", async () => {
  const most = async (count: number) => {
    const { engine: counted, held } = countingEngine(engine);
    const evaluator = new Evaluator(counted, tinyConfig, PROTOCOL);
    await evaluator.score(randomModel(tinyConfig, 1), randomText(count));
    await evaluator.release();
    assert.deepEqual([held.placed, held.programs], [0, 0]);
    return held.most;
  };
  assert.equal(await most(1000), await most(200));
});

Deno.test("models that several evaluators share are read once, and freed with the models", async () => {
  const { engine: counted, held } = countingEngine(engine);
  const model = randomModel(tinyConfig, 1);
  const reads = new Map<string, number>();
  const watched = {
    ...model,
    readFloat32(tensor: string) {
      reads.set(tensor, (reads.get(tensor) ?? 0) + 1);
      return model.readFloat32(tensor);
    },
  };
  {
    using models = new PlacedModels(counted);
    for (const protocol of [PROTOCOL, { context: 4, window: 4 }]) {
      const evaluator = new Evaluator(counted, tinyConfig, protocol, models);
      const text = randomText(60);
      await evaluator.score(watched, text, await evaluator.reference(watched, text));
      await evaluator.release();
    }
  }
  // What may be on its way is freed when it is there.
  await Promise.resolve();
  assert.deepEqual(new Set(reads.values()), new Set([1]));
  assert.equal(reads.size, model.tensors.size);
  assert.deepEqual([held.placed, held.programs], [0, 0]);
});

Deno.test("of models that do not fit each head is placed once a text", async () => {
  const { engine: streaming, record } = streamingEngine(engine);
  const [model, reference] = [1, 2].map((seed) => randomModel(tinyConfig, seed));
  // More windows than go into one batch.
  const text = randomText(400);
  const evaluator = new Evaluator(streaming, tinyConfig, PROTOCOL);
  await evaluator.score(model, text, await evaluator.reference(reference, text));
  await evaluator.release();
  assert.equal(record.names.filter((name) => name === "lm_head.weight").length, 2);
});

Deno.test("a text that a model cannot be scored on is refused by name", async () => {
  const model = randomModel(tinyConfig, 1);
  const evaluator = new Evaluator(engine, tinyConfig, PROTOCOL);
  const refusal = (ids: number[]) => evaluator.score(model, textOfTokens("the text", ids));
  await assert.rejects(refusal([1, 2, 3, 4]), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, /'the text'.*got '4 tokens'; expected more than 4/);
    return true;
  });
  await assert.rejects(refusal([1, 2, 3, 4, 5, 17, 16]), (error) => {
    assert.ok(error instanceof CheckpointError);
    assert.match(error.message, /'the text'.*got 17; expected a token below 17/);
    return true;
  });
  await evaluator.release();
});

Deno.test("a signal stops the scoring", async () => {
  const { engine: counted, held } = countingEngine(engine);
  const evaluator = new Evaluator(counted, tinyConfig, PROTOCOL);
  const controller = new AbortController();
  const reason = new Error("enough");
  const stopped = evaluator.score(randomModel(tinyConfig, 1), randomText(20), undefined, {
    signal: controller.signal,
    onProgress: ({ done }) => done === 1 && controller.abort(reason),
  });
  await assert.rejects(stopped, reason);
  await evaluator.release();
  assert.deepEqual([held.placed, held.programs], [0, 0]);
});
