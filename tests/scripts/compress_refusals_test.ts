/** What `scripts/compress.ts` refuses: where the fault is, what was found, what was expected. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { filesIn, saveTiny, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { methods } from "../../lib/methods/mod.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { type TokenizedPair, tokenizedPair } from "./tokenized_pair.ts";

Deno.test("compress --help lists its options", async () => {
  const { code, out, error } = await runTask("compress", ["--help"]);
  assert.deepEqual([code, error], [0, ""]);
  const settings = Object.values(methods).flatMap((method) => Object.keys(method.settings));
  const options = [
    ..."base fine method variant text seed threads out state save-checkpoint".split(" "),
    ...settings.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)),
  ];
  for (const option of options) assert.ok(out.includes(`--${option} <`), option);
});

interface Refusal {
  readonly name: string;
  /** Changes to the arguments of a command that is fine; `null` leaves one out. */
  readonly given: (pair: TokenizedPair) => Promise<Record<string, string | null>>;
  readonly code: 1 | 2;
  readonly message: RegExp;
}

const refusals: Refusal[] = [
  {
    name: "an unknown option",
    given: () => Promise.resolve({ "--fast": "1" }),
    code: 2,
    message: /unknown option '--fast'/,
  },
  {
    name: "a file that is no journal",
    given: ({ text }) => Promise.resolve({ "--state": text, "--text": "code" }),
    code: 1,
    message: /file .*rhyme\.txt.: is no journal of a run, and would be written over/,
  },
  {
    name: "a file that is no state",
    given: ({ text }) =>
      Promise.resolve({
        "--method": "distilled",
        "--rows": null,
        "--state": text,
        "--text": "code",
      }),
    code: 1,
    message: /file .*rhyme\.txt.: header is truncated/,
  },
  {
    name: "a delta named as PyTorch's files are",
    given: ({ folder }) => Promise.resolve({ "--out": join(folder, "diff.pt") }),
    code: 2,
    message: /option '--out': is named as PyTorch's files are.*`deno task convert`/,
  },
  {
    name: "no method",
    given: () => Promise.resolve({ "--method": null }),
    code: 2,
    message: /required option '--method <name>' not specified/,
  },
  {
    name: "an unknown method",
    given: () => Promise.resolve({ "--method": "magic" }),
    code: 2,
    message: /'--method <name>'.*'magic' is invalid.*activation-aware, distilled, initial/,
  },
  {
    name: "a folder that is not there",
    given: ({ folder }) => Promise.resolve({ "--base": join(folder, "nowhere") }),
    code: 1,
    message: /file '.*nowhere': there is no such folder; expected the folder of a checkpoint/,
  },
  {
    name: "a name on the Hub",
    given: () => Promise.resolve({ "--base": "meta-llama/Llama-2-7b-hf" }),
    code: 1,
    message:
      /'meta-llama\/Llama-2-7b-hf': there is no such folder; .*Hub is named hf:meta-llama\/Llama-2/,
  },
  {
    name: "a file in the place of a checkpoint",
    given: ({ text }) => Promise.resolve({ "--base": text }),
    code: 1,
    message: /file '.*rhyme\.txt': is no folder; expected the folder of a checkpoint/,
  },
  {
    name: "a base in the place of its fine-tune",
    given: ({ base }) => Promise.resolve({ "--fine": base, "--method": "initial", "--rows": null }),
    code: 1,
    message:
      /file '.*base': holds the weights of its base '.*base': Δ = 0 everywhere; expected a fine/,
  },
  {
    name: "another architecture",
    given: async ({ fine }) => {
      const path = join(fine, "config.json");
      const config = JSON.parse(await Deno.readTextFile(path));
      await Deno.writeTextFile(path, JSON.stringify({ ...config, architectures: ["GPT2Model"] }));
      return {};
    },
    code: 1,
    message: /file '.*fine\/config\.json', option 'architectures.*GPT2Model.*LlamaForCausalLM/,
  },
  {
    name: "two models that are no pair",
    given: async ({ folder }) => {
      const config = { ...TINY_CONFIG, layerCount: 1 };
      return { "--base": await saveTiny(join(folder, "other"), { config }) };
    },
    code: 1,
    message: /fine\/config\.json', option 'num_hidden_layers': differs .*got 2; expected 1, as in/,
  },
  {
    name: "a pair without a tokenizer",
    given: async ({ base, fine }) => {
      for (const each of [base, fine]) await Deno.remove(join(each, "tokenizer.json"));
      return {};
    },
    code: 1,
    message: /file '.*fine\/tokenizer\.json': cannot be read.*expected a tokenizer/,
  },
  {
    name: "text that is neither a domain nor a file",
    given: () => Promise.resolve({ "--text": "finanse" }),
    code: 1,
    message: /file 'finanse': is neither a domain nor a file; expected code, health, finance/,
  },
  {
    name: "an empty text",
    given: async ({ text }) => {
      await Deno.writeTextFile(text, " \n");
      return { "--text": text };
    },
    code: 1,
    message: /file '.*rhyme\.txt': holds no text; expected at least one word/,
  },
  {
    name: "too short a text",
    given: ({ rows }) => Promise.resolve({ "--text": rows, "--rows": "5000" }),
    code: 1,
    message: /file '.*rhymes\.jsonl': .*too short: got '\d+ rows'; expected 5000 rows/,
  },
  ...Object.entries<Record<string, string>>({
    "initial": {},
    "distilled": { "--batch": "1" },
    "activation-aware": { "--rows": "1" },
  }).map(([method, settings]): Refusal => ({
    name: `a text of two words to be ${method}`,
    given: async ({ text }) => {
      await Deno.writeTextFile(text, "the cat");
      return { "--text": text, "--rows": null, "--method": method, ...settings };
    },
    code: 1,
    message:
      /file '.*rhyme\.txt': calibration text is too short: got '\d+ tokens'; expected 128 tokens/,
  })),
  {
    name: "fewer sequences than one step of distillation reads",
    given: () => Promise.resolve({ "--method": "distilled", "--rows": null, "--batch": "9" }),
    code: 1,
    message:
      /file '.*rhymes\.jsonl': .*too short: got '8 sequences of 128 tokens'; expected 9 sequ/,
  },
  {
    name: "an unknown option where others are missing",
    given: () => Promise.resolve({ "--base": null, "--method": null, "--fin": "x" }),
    code: 2,
    message: /unknown option '--fin'; did you mean --fine\?/,
  },
  {
    name: "numbers beyond their bounds",
    given: () => Promise.resolve({ "--steps": "1e12" }),
    code: 2,
    message:
      /'--steps <number>' argument '1e12' is invalid\. expected a whole number from 1 to 1000000/,
  },
  {
    name: "a setting that the method has not",
    given: () => Promise.resolve({ "--steps": "9" }),
    code: 2,
    message:
      /option '--steps': is no setting of method 'activation-aware': got '9'; expected --rows, /,
  },
  {
    name: "a variant of a method of one form",
    given: () =>
      Promise.resolve({ "--method": "initial", "--rows": null, "--variant": "corrected" }),
    code: 2,
    message:
      /option '--variant': is no variant of method 'initial': got 'corrected'; expected none/,
  },
  {
    name: "more GPU memory than there can be",
    given: () => Promise.resolve({ "--gpu-memory": "1000000GB" }),
    code: 2,
    message: /'--gpu-memory <size>' .*from 1MB to 1000GB/,
  },
  {
    name: "to replace a file that it did not write",
    given: ({ text }) => Promise.resolve({ "--out": text }),
    code: 2,
    message:
      /option '--out': would replace a file that .*got '.*rhyme\.txt'; expected another place, or --force/,
  },
  {
    name: "to replace a checkpoint that it did not write",
    given: async ({ folder }) => ({ "--save-checkpoint": await saveTiny(join(folder, "other")) }),
    code: 2,
    message: /option '--save-checkpoint': would replace a file.*got '.*other\/config\.json'/,
  },
  {
    name: "to replace a card that a person wrote",
    given: async ({ folder }) => {
      const model = join(folder, "model");
      await Deno.mkdir(model);
      await Deno.writeTextFile(join(model, "README.md"), "# Mine\n");
      return { "--save-checkpoint": model };
    },
    code: 2,
    message: /option '--save-checkpoint': would replace a file.*got '.*model\/README\.md'/,
  },
  {
    name: "a type for a model that is not asked for",
    given: () => Promise.resolve({ "--dtype": "bf16" }),
    code: 2,
    message: /option '--dtype': is of a model that is not written: got 'bf16'; expected --save-che/,
  },
  {
    name: "to replace a device",
    given: () => Promise.resolve({ "--out": "/dev/null" }),
    code: 1,
    message: /file '\/dev\/null': is a device or pipe; expected the name of a file/,
  },
  {
    name: "a file in the place of a folder",
    given: ({ text }) => Promise.resolve({ "--out": join(text, "delta.safetensors") }),
    code: 1,
    message: /file '.*rhyme\.txt\/delta\.safetensors': cannot be written.*expected a writable/,
  },
  {
    name: "a folder in the place of the delta",
    given: ({ folder }) => Promise.resolve({ "--out": folder }),
    code: 1,
    message: /file '.*': is a folder; expected the name of a file/,
  },
  {
    name: "to write over the base's weights",
    given: ({ base }) => Promise.resolve({ "--out": join(base, "model.safetensors") }),
    code: 2,
    message: /option '--out': would replace what --base reads: got '.*base\/model\.safetensors'/,
  },
  {
    name: "to write a checkpoint over the fine-tune",
    given: ({ fine }) => Promise.resolve({ "--save-checkpoint": `${fine}/` }),
    code: 2,
    message: /option '--save-checkpoint': would replace what --fine reads/,
  },
];

for (const { name, given, code, message } of refusals) {
  Deno.test(`compress refuses ${name}`, async () => {
    await using pair = await tokenizedPair();
    const { base, fine, rows, folder } = pair;
    const options: Record<string, string | null> = {
      "--base": base,
      "--fine": fine,
      "--method": "activation-aware",
      "--text": rows,
      "--rows": "40",
      "--out": join(folder, "delta.safetensors"),
      ...await given(pair),
    };
    const before = allFiles(folder);
    const args = Object.entries(options).flatMap(([key, value]) =>
      value === null ? [] : [key, value]
    );
    const { code: found, out, error } = await runHere("compress", args);
    assert.deepEqual([found, out], [code, ""], error);
    assert.match(error, message);
    assert.match(error, /(^|\n)compress: .*\n$/, "a message, not a trace");
    assert.deepEqual(allFiles(folder), before, "nothing is left behind");
  });
}

function allFiles(folder: string): string[] {
  return filesIn(folder).flatMap((name) => {
    const path = join(folder, name);
    return Deno.statSync(path).isDirectory ? allFiles(path) : [path];
  });
}
