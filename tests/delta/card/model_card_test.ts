/** Cards, read back by a parser of YAML of both versions, whatever names say. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { CORE_SCHEMA, load, YAML11_SCHEMA } from "js-yaml";
import { type ModelCard, modelCard } from "../../../lib/delta/card/model_card.ts";
import { licenseIn } from "../../../lib/delta/card/read_card.ts";
import { isOwnCard, writeCard } from "../../../lib/delta/card/write_card.ts";
import { yamlBlock } from "../../../lib/delta/card/yaml_block.ts";
import { describeOrigin } from "../../../lib/texts/text_origin.ts";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const CARD: ModelCard = {
  kind: "delta",
  base: { name: "a/base", origin: `hf:a/base@${COMMIT}`, hash: "blake3:00" },
  fine: { name: "b/fine", origin: `hf:b/fine@${COMMIT}`, hash: "blake3:11" },
  method: "activation-aware",
  settings: { rows: 512, text: "hf:allenai/c4/en", device: "cpu" },
  layers: { count: 224, bits: 1.00001 },
  stored: [{ of: "linear layers", role: "delta", count: 224, codecs: ["signs"], bits: 1.00001 }],
  file: { name: "fine.safetensors", bytes: 1.334e9, digest: "ab" },
  fineBytes: 1.334e10,
  license: { license: "llama2" },
  scores: [],
};

/** The metadata of a card as a reader of a version has it. */
function read(card: string, version: "1.1" | "1.2" = "1.1"): Record<string, unknown> {
  const block = /^---\n(.*?)\n---\n/s.exec(card)![1];
  return load(block, { schema: version === "1.1" ? YAML11_SCHEMA : CORE_SCHEMA }) as Record<
    string,
    unknown
  >;
}

Deno.test("the block says what the Hub knows of the pair, and nothing of what was not measured", () => {
  assert.deepEqual(read(modelCard(CARD)), {
    base_model: ["a/base"],
    base_model_relation: "adapter",
    datasets: ["allenai/c4"],
    library_name: "one-bit-delta",
    pipeline_tag: "text-generation",
    license: "llama2",
    tags: ["one-bit-delta", "bitdelta", "activation-aware"],
  });
  const folders = { ...CARD, base: { ...CARD.base, origin: null }, license: null, settings: {} };
  assert.deepEqual(Object.keys(read(modelCard(folders))), [
    "library_name",
    "pipeline_tag",
    "tags",
  ]);
  assert.doesNotMatch(modelCard(CARD), /erplexity|KL/);
});

Deno.test("a data set is known by what provenance says of a calibration text", () => {
  const rows = { first: 0, read: 1000, null: 0, blank: 2 };
  const source = `hf:allenai/c4@${COMMIT}`;
  const text = describeOrigin({
    source,
    configuration: "en",
    split: "train",
    column: "text",
    rows,
  });
  const card = modelCard({ ...CARD, settings: { text } });
  assert.deepEqual(read(card).datasets, ["allenai/c4"]);
  assert.ok(card.includes(text));
});

Deno.test("a whole model stands for the fine-tune, and says what rounding left", () => {
  const kept = {
    energy: 0.25,
    moved: 0.125,
    worst: { tensor: "model.layers.1.mlp.up_proj.weight", energy: 0.0625, moved: 0 },
  };
  const text = modelCard({ ...CARD, kind: "checkpoint", weights: { dtype: "bf16", kept } });
  const { base_model, base_model_relation, library_name } = read(text);
  assert.deepEqual([base_model, base_model_relation, library_name], [
    ["b/fine"],
    "quantized",
    "transformers",
  ]);
  assert.match(
    text,
    /25\.0 % of its energy, 12\.5 % of its weights moved; least: 6\.3 % and 0\.0 %/,
  );
});

Deno.test("what was measured stands in the Hub's form of results and in a table", () => {
  const scores = [
    { text: "wikitext", perplexity: 6.25, kl: 0.015625, tokens: 51200 },
    { text: "hf:a/words", perplexity: 8, kl: null, tokens: 100 },
  ];
  const text = modelCard({ ...CARD, scores });
  assert.deepEqual(read(text)["model-index"], [{
    name: "b/fine",
    results: [
      {
        task: { type: "text-generation" },
        dataset: { name: "wikitext", type: "text" },
        metrics: [
          { name: "Perplexity", type: "perplexity", value: 6.25 },
          { name: "KL to the fine-tune, nats a token", type: "kl", value: 0.015625 },
        ],
      },
      {
        task: { type: "text-generation" },
        dataset: { name: "hf:a/words", type: "a/words" },
        metrics: [{ name: "Perplexity", type: "perplexity", value: 8 }],
      },
    ],
  }]);
  assert.ok(text.includes("| `wikitext` | 6.250 | 0.0156 | 51200 |"));
  assert.ok(text.includes("10.00 times smaller than the fine-tune's 13.3 GB"));
});

Deno.test("any text is read back by YAML 1.1 and 1.2 as it was put in", () => {
  const hostile = [
    "no",
    "~",
    "1e5",
    "0o7",
    "<<",
    "a: b #c",
    "---",
    "\u2028\u0085\u007f\ufeff",
    "😀",
  ];
  const check = (text: string) => {
    for (const version of ["1.1", "1.2"] as const) {
      const block = yamlBlock({ one: text, many: [text], deep: { [`k${text}`]: [text] } });
      const whole = text.toWellFormed();
      const { one, many, deep } = read(block, version);
      // What is empty is not said.
      if (text !== "") assert.equal(one, whole);
      assert.deepEqual([many, Object.values(deep as object)], [[whole], [[whole]]]);
    }
    // deno-lint-ignore no-control-regex -- what YAML 1.1 does not allow in a document
    assert.doesNotMatch(yamlBlock({ text }), /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/);
  };
  hostile.forEach(check);
  fc.assert(fc.property(fc.string({ unit: "binary" }), check), { numRuns: 200 });
});

Deno.test("numbers of every size are numbers to PyYAML too, which wants a point before an exponent", () => {
  const numbers = [1e-7, -2e-300, 1e21, 1.5e-9, 0, 3, 0.25];
  const block = yamlBlock({ numbers, deep: { numbers } });
  for (const version of ["1.1", "1.2"] as const) {
    assert.deepEqual(read(block, version), { numbers, deep: { numbers } });
  }
  // Its resolver: https://github.com/yaml/pyyaml/blob/6.0.2/lib/yaml/resolver.py
  const float = /^[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?$/;
  const whole = /^(0|[1-9][0-9]*)$/;
  for (const [, number] of block.matchAll(/^- (.*)$/gm)) {
    assert.ok(float.test(number) || whole.test(number), number);
  }
});

Deno.test("no name ends the block, a table's row, a line of code or a shell's word", () => {
  const name = "x\n---\n# y | `z` ``w`` <b>'$(rm)\u0000\n";
  const text = modelCard({
    ...CARD,
    base: { name, origin: null, hash: null },
    fine: { name, origin: null, hash: null },
    method: name,
    settings: { [name]: name, text: name },
    file: { ...CARD.file, name },
    scores: [{ text: name, perplexity: 1, kl: 1, tokens: 1 }],
  });
  assert.equal(text.match(/^---$/gm)!.length, 2);
  assert.equal(text.match(/^# /gm)!.length, 1);
  assert.deepEqual((read(text).tags as string[])[2], name);
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  const cells = new Set(rows.map((row) => row.replaceAll("\\|", "").split("|").length));
  assert.deepEqual([...cells].sort(), [4, 6], "each row has as many cells as its table");
  const command = text.split("\n").find((line) => line.startsWith("deno task apply"))!;
  assert.ok(command.includes(String.raw`--delta 'x --- # y | ${"`z` ``w``"} <b>'\''$(rm)' --out`));
});

Deno.test("a licence is what the card's block says, and nothing if nobody can read it", () => {
  const card = "---\r\nlicense: other\r\nlicense_name: x: y\r\n---\r\n# A";
  assert.equal(licenseIn(card), null, "no YAML");
  assert.deepEqual(licenseIn("---\nlicense: other\nlicense_name: llama-9\n---\n"), {
    license: "other",
    name: "llama-9",
  });
  for (const none of ["", "# license: mit", "---\nlicense: [a]\n---\n", "---\nlicense: mit\n"]) {
    assert.equal(licenseIn(none), null, none);
  }
});

Deno.test("a card that a person has changed is told from one that nobody has", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "README.md");
  assert.equal(await isOwnCard(path), false);
  await writeCard(path, modelCard(CARD));
  assert.equal(await isOwnCard(path), true);
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace("# b", "# My b"));
  assert.equal(await isOwnCard(path), false);
  await Deno.writeTextFile(path, text + "More.\n");
  assert.equal(await isOwnCard(path), false);
});

Deno.test("biases that a method gave are no tensors of the fine-tune's", () => {
  const told = (settings: typeof CARD.settings) => modelCard({ ...CARD, settings });
  assert.match(told({ bias: true }), /Biases of linear layers make .* All other tensors are/);
  assert.doesNotMatch(told({ bias: false }), /Biases/);
});
