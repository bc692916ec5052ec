import assert from "node:assert/strict";
import { parseGloss, readWordNet, type Synset } from "../../lib/texts/wordnet.ts";
import { questionAndAnswer } from "../../lib/texts/wordnet_answers.ts";
import { wordNetDocuments } from "../../lib/texts/wordnet_documents.ts";

async function sense(name: string): Promise<Synset> {
  const found = [...(await readWordNet()).values()].find((synset) => synset.sense === name);
  assert.ok(found, name);
  return found;
}

Deno.test("a gloss parts into definition and examples", () => {
  assert.deepEqual(parseGloss('breathe noisily; "she snores"; "he `snored\'"  '), {
    definition: "breathe noisily",
    examples: ["she snores", "he 'snored'"],
  });
  assert.deepEqual(parseGloss("a whole (a thing or person)"), {
    definition: "a whole (a thing or person)",
    examples: [],
  });
  assert.equal(
    parseGloss('promise of reward as in "carrot and stick"; "used the carrot"').definition,
    'promise of reward as in "carrot and stick"',
  );
});

Deno.test("the dictionary is WordNet 3.1 whole", async () => {
  const dictionary = await readWordNet();
  // Lines that begin with an offset in data.noun, data.verb, data.adj and data.adv.
  assert.equal(dictionary.size, 82192 + 13789 + 18185 + 3625);
  for (const { id, definition, words } of dictionary.values()) {
    assert.ok(definition.length > 0, id);
    assert.ok(words.every((word) => /^[^_()]+$/.test(word)), id);
  }
});

Deno.test("a synset keeps its words, field and pointers", async () => {
  const snore = await sense("snore.v.01");
  assert.deepEqual(snore.words, ["snore", "saw wood", "saw logs"]);
  assert.equal(snore.field, 29);
  const [broader] = snore.hypernyms;
  assert.equal((await readWordNet()).get(broader)?.sense, "breathe.v.01");
  assert.equal((await sense("wales.n.01")).isInstance, true);
});

Deno.test("each kind of word has its question", async () => {
  const dictionary = await readWordNet();
  const rendered = async (name: string) => questionAndAnswer(await sense(name), dictionary);
  assert.equal(
    await rendered("economist.n.01"),
    "Question: What is an economist?\nAnswer: An expert in the science of economics. " +
      "Also called economic expert. A kind of social scientist.",
  );
  assert.match(
    await rendered("snore.v.01"),
    /^Question: What does it mean to snore\?\nAnswer: To /,
  );
  assert.match(await rendered("relative.a.01"), /^Question: What does "relative" mean\?\n/);
  assert.match(await rendered("henry_vii.n.01"), /^Question: Who was Henry VII\?\n/);
  assert.match(await rendered("pneumonia.n.01"), /^Question: What is pneumonia\?\n/);
  assert.match(await rendered("autism.n.01"), /\nAnswer: In psychiatry, an abnormal /);
  assert.match(await rendered("unicorn.n.01"), /What is a unicorn\?/);
  assert.match(await rendered("hourglass.n.01"), /What is an hourglass\?/);
});

Deno.test("documents are named once, hold every synset but insults, and part health from the rest", async () => {
  const dictionary = await readWordNet();
  const health = { roots: ["disease.n.01"], subjects: ["pathology.n.01"] };
  const documents = wordNetDocuments(dictionary, health);
  assert.equal(new Set(documents.map(({ name }) => name)).size, documents.length);
  const entries = documents.flatMap(({ text }) => text.split("\n\n"));
  const left = dictionary.size - entries.length;
  assert.ok(left > 0 && left < 0.01 * dictionary.size, `${left} synsets left out`);
  const part = (name: string) =>
    documents.filter((document) => document.name.startsWith(name)).map(({ text }) => text).join();
  assert.match(part("health/"), /What is pneumonia\?/);
  assert.doesNotMatch(part("noun/"), /What is pneumonia\?/);
  assert.match(part("noun/"), /What is an economist\?/);
});
