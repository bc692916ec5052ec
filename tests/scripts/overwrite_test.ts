/** That no script writes over what it reads, by whatever name it is called. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runHere } from "./run_here.ts";
import { type TokenizedPair, tokenizedPair } from "./tokenized_pair.ts";

interface Case {
  readonly task: Parameters<typeof runHere>[0];
  /** What is attempted. */
  readonly name: string;
  readonly args: (pair: TokenizedPair, at: (name: string) => string) => readonly string[];
  readonly says: RegExp;
}

const compress = ({ base, fine }: TokenizedPair, ...more: string[]) => [
  ...["--base", base, "--fine", fine, "--method", "initial"],
  ...more,
];
const evaluate = ({ base, text }: TokenizedPair, ...more: string[]) => [
  ...["--base", base, "--text", text],
  ...more,
];

const cases: Case[] = [
  {
    task: "compress",
    name: "the fine-tune's tokenizer",
    args: (pair) => compress(pair, "--out", join(pair.fine, "tokenizer.json")),
    says: /'--out': would replace what --fine reads/,
  },
  {
    task: "compress",
    name: "weights that a symbolic link leads to",
    args: (pair, at) => compress(pair, "--out", at("link to weights")),
    says: /'--out': would replace what --base reads/,
  },
  {
    task: "compress",
    name: "weights under a second name",
    args: (pair, at) => compress(pair, "--out", at("hard link")),
    says: /'--out': would replace what --base reads/,
  },
  {
    task: "compress",
    name: "the calibration text",
    args: (pair) => compress(pair, "--text", pair.rows, "--out", pair.rows),
    says: /'--out': would replace what --text reads/,
  },
  {
    task: "compress",
    name: "the base, through a link to its folder",
    args: (pair, at) =>
      compress(pair, "--out", at("delta"), "--save-checkpoint", at("link to base")),
    says: /'--save-checkpoint': would replace what --base reads/,
  },
  {
    task: "evaluate",
    name: "the delta just read",
    args: (pair, at) =>
      evaluate(pair, "--delta", at("delta.safetensors"), "--json", at("link to delta")),
    says: /'--json': would replace what --delta reads/,
  },
  {
    task: "evaluate",
    name: "the text",
    args: (pair) => evaluate(pair, "--json", pair.text),
    says: /'--json': would replace what --text reads/,
  },
  {
    task: "notebooks",
    name: "the notebook that it runs",
    args: (_, at) => [at("book.ipynb"), "--out", at("link to folder")],
    says: /'--out': would replace what the list of notebooks reads/,
  },
  {
    task: "reproduce",
    name: "the fine-tune's folder",
    args: (pair) => ["--base", pair.base, "--fine", pair.fine, "--out", pair.fine],
    says: /'--out': would replace what --fine reads/,
  },
  {
    task: "figures",
    name: "the base's folder",
    args: (pair, at) => [
      ...["--base", pair.base, "--fine", pair.fine],
      ...["--out", at("results"), "--to", at("link to base")],
    ],
    says: /'--to': would replace what --base reads/,
  },
  {
    task: "train",
    name: "the base that a fine-tune starts from",
    args: (_, at) => ["--only", "llama-code", "--out", at("pairs"), "--states", at("states")],
    says: /'--only': would replace what --out reads/,
  },
];

for (const { task, name, args, says } of cases) {
  Deno.test(`${task} does not write over ${name}`, async () => {
    await using pair = await tokenizedPair();
    const at = (name: string) => join(pair.folder, name);
    await Deno.symlink("base/model.safetensors", at("link to weights"));
    await Deno.link(at("base/model.safetensors"), at("hard link"));
    await Deno.symlink("base", at("link to base"));
    await Deno.symlink(".", at("link to folder"));
    await Deno.copyFile(at("base/model.safetensors"), at("delta.safetensors"));
    await Deno.symlink("delta.safetensors", at("link to delta"));
    await Deno.writeTextFile(at("book.ipynb"), NOTEBOOK);
    await Deno.mkdir(at("pairs"));
    await Deno.symlink("../base", at("pairs/llama-base"));
    await Deno.symlink("../base", at("pairs/llama-code"));
    const before = await everything(pair.folder);
    const { code, out, error } = await runHere(task, args(pair, at));
    assert.deepEqual([code, out], [2, ""], error);
    assert.match(error, says);
    assert.deepEqual(await everything(pair.folder), before);
  });
}

const NOTEBOOK = JSON.stringify({
  cells: [],
  metadata: { kernelspec: { display_name: "Deno", language: "typescript", name: "deno" } },
  nbformat: 4,
  nbformat_minor: 5,
});

/** Every file below a folder, links not followed, with its content. */
async function everything(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) { for (const [at, text] of await everything(path)) found.set(at, text); }
    else found.set(path, await Deno.readTextFile(path).catch(() => "a link to a folder"));
  }
  return found;
}
