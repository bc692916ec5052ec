/**
 * The card of a delta, or of a model that a base and a delta give: `README.md` as the Hugging Face Hub reads it, a
 * block of metadata and prose. It says what it is given and nothing else: what was not measured is not there. Not
 * here: where that comes from (`card_of_delta.ts`), and whose file is replaced (`write_card.ts`).
 *
 * Fields of the block, and the values of `base_model_relation` (`adapter`, `merge`, `quantized`, `finetune`):
 * https://huggingface.co/docs/hub/model-cards
 */

import type { KeptShare } from "../../checkpoint/kept_share.ts";
import { formatBytes } from "../../util/time_left.ts";
import { FORMAT } from "../delta_header.ts";
import { code, commands, prose, rowsOf, shellWord } from "./markdown.ts";
import { repositoryIn } from "./repository.ts";
import { type StoredMatrices, whatIsDone, whatIsStored } from "./stored_matrices.ts";
import { yamlBlock, type YamlValue } from "./yaml_block.ts";

/** A model that a card names. */
export interface CardModel {
  /** As results name it. */
  readonly name: string;
  /** Where it was fetched from, `hf:owner/name@commit`; `null` for a folder. */
  readonly origin: string | null;
  /** Of its weights; `null` where it is not known. */
  readonly hash: string | null;
}

/** What was measured on a text. */
export interface CardScore {
  /** Name of the text: a domain, a file's, or of a data set on the Hub, `hf:owner/name`. */
  readonly text: string;
  /** As the study has it. */
  readonly perplexity: number;
  /** KL(fine ‖ model), nats a token; `null` where it was not measured. */
  readonly kl: number | null;
  /** Scored tokens. */
  readonly tokens: number;
}

/** What the licence of a fine-tune's card says. */
export interface CardLicense {
  /** Its identifier on the Hub. */
  readonly license: string;
  /** Of one that the Hub has no identifier for. */
  readonly name?: string;
  /** Of its text. */
  readonly link?: string;
}

/** All that a card says. */
export interface ModelCard {
  /** A delta's file, or a whole model with its weights. */
  readonly kind: "delta" | "checkpoint";
  /** What the delta is added to. */
  readonly base: CardModel;
  /** What it comes near. */
  readonly fine: CardModel;
  /** The method that found the delta's numbers. */
  readonly method: string;
  /** Its settings, and what else the delta's file tells of how it was made. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** How many linear layers have a delta, and bits for each of their weights. */
  readonly layers: { readonly count: number; readonly bits: number };
  /** What is stored, and how: embedding and head where they are not whole, too. */
  readonly stored: readonly StoredMatrices[];
  /** The delta's file: its name in the repository, all of its bytes, and the digest it carries. */
  readonly file: {
    readonly name: string;
    readonly bytes: number;
    readonly digest: string | null;
  };
  /** Bytes of the fine-tune's weights; `null` where they are not known. */
  readonly fineBytes: number | null;
  /** Of a checkpoint: type of its weights, as options name it, and what rounding left of the delta. */
  readonly weights?: { readonly dtype: string; readonly kept: KeptShare | null };
  /** Of the fine-tune; `null` where its card does not say. */
  readonly license: CardLicense | null;
  /** What was measured of the model with its delta. */
  readonly scores: readonly CardScore[];
}

/**
 * The text of a card.
 *
 * @example
 * ```ts
 * import { modelCard } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const card = modelCard({
 *   kind: "delta",
 *   base: { name: "a/base", origin: "hf:a/base@0123abc", hash: null },
 *   fine: { name: "fine", origin: null, hash: null },
 *   method: "initial",
 *   settings: {},
 *   layers: { count: 224, bits: 1 },
 *   stored: [{ of: "linear layers", role: "delta", count: 224, codecs: ["signs"], bits: 1 }],
 *   file: { name: "fine.delta.safetensors", bytes: 1e9, digest: null },
 *   fineBytes: 1e10,
 *   license: null,
 *   scores: [],
 * });
 * assert.ok(card.startsWith('---\nbase_model:\n- "a/base"\nbase_model_relation: "adapter"\n'));
 * assert.ok(!card.includes("erplexity"), "nothing was measured");
 * ```
 */
export function modelCard(card: ModelCard): string {
  const { kind, base, fine, stored } = card;
  const isDelta = kind === "delta";
  const title = isDelta
    ? `${fine.name} as a delta of ${base.name}`
    : `${fine.name} at ${bitsText(card.layers.bits)}`;
  const start = isDelta
    ? `${whatIsDone(stored)} ${shown(base)}`
    : `${shown(base)} with a delta applied,`;
  const what = `${start} to come near its fine-tune ${shown(fine)}: ${whatIsStored(stored)}. ` +
    (card.settings.bias === true
      ? "Biases of linear layers make the mean error of their outputs zero. "
      : "") +
    `All other tensors are the fine-tune's own.` +
    (isDelta ? "" : " The weights are a model's as any other.");
  return [
    yamlBlock(metadata(card)),
    `# ${prose(title)}`,
    "",
    what,
    "",
    rowsOf(facts(card)),
    "",
    ...scoreLines(card),
    "## Use",
    "",
    ...useLines(card),
    "",
  ].join("\n");
}

function metadata(card: ModelCard): Record<string, YamlValue | null> {
  const { kind, base, fine, license, method } = card;
  // A delta is nothing without its base; a model with one stands for the fine-tune, with less of it.
  const [of, relation] = kind === "delta" ? [base, "adapter"] : [fine, "quantized"];
  const repository = repositoryOf(of);
  return {
    base_model: repository === null ? null : [repository],
    base_model_relation: repository === null ? null : relation,
    datasets: datasetsOf(card),
    library_name: kind === "delta" ? FORMAT : "transformers",
    pipeline_tag: "text-generation",
    license: license && license.license,
    license_name: license?.name ?? null,
    license_link: license?.link ?? null,
    tags: [...new Set([FORMAT, "bitdelta", method])],
    "model-index": modelIndex(card),
  };
}

/** Data sets of the Hub that the calibration read. */
function datasetsOf({ settings: { text } }: ModelCard): string[] {
  const name = typeof text === "string" ? datasetOf(text) : null;
  return name === null ? [] : [name];
}

/** Results in the Hub's own form; `null` if nothing was measured. */
function modelIndex({ fine, scores }: ModelCard): YamlValue | null {
  if (scores.length === 0) return null;
  const results = scores.map(({ text, perplexity, kl }) => ({
    task: { type: "text-generation" },
    dataset: { name: text, type: datasetOf(text) ?? "text" },
    metrics: [
      { name: "Perplexity", type: "perplexity", value: perplexity },
      ...kl === null ? [] : [{ name: "KL to the fine-tune, nats a token", type: "kl", value: kl }],
    ],
  }));
  return [{ name: fine.name, results }];
}

function bitsText(bits: number): string {
  const rounded = bits.toFixed(1);
  return rounded === "1.0" ? "one bit" : `${rounded} bits`;
}

function facts(card: ModelCard): [string, string][] {
  const { base, fine, method, settings, layers, stored, file, fineBytes, weights } = card;
  const { text, ...others } = settings;
  const told = Object.entries(others).map(([name, value]) => `${name} ${value}`).join(", ");
  const smaller = fineBytes === null
    ? ""
    : `, ${(fineBytes / file.bytes).toFixed(2)} times smaller than the fine-tune's ${
      formatBytes(fineBytes)
    }`;
  const rows: [string, string | null][] = [
    ["Method", code(method)],
    ["Settings", told === "" ? null : code(told)],
    ["Calibration text", text === undefined ? null : code(String(text))],
    [
      "Linear layers",
      `${layers.count}, at ${layers.bits.toFixed(3)} bits a weight, scales included`,
    ],
    ...(["embedding", "head"] as const).map((of): [string, string | null] => {
      const table = stored.find((each) => each.of === of);
      const name = of === "embedding" ? "Embedding" : "Head";
      return [name, table ? `at ${table.bits.toFixed(3)} bits a weight, scales included` : null];
    }),
    ["Delta", `${code(file.name)}, ${formatBytes(file.bytes)}${smaller}`],
    ["Weights", weights ? code(weights.dtype) : null],
    ["Kept of the delta after rounding", weights?.kept ? keptText(weights.kept) : null],
    ["Hash of the base's weights", base.hash && code(base.hash)],
    ["Hash of the fine-tune's weights", fine.hash && code(fine.hash)],
    ["SHA-256 of the delta's content", file.digest && code(file.digest)],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

function keptText({ energy, moved, worst }: KeptShare): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `${percent(energy)} of its energy, ${percent(moved)} of its weights moved; least: ` +
    `${percent(worst.energy)} and ${percent(worst.moved)} of ${code(worst.tensor)}`;
}

function scoreLines({ scores }: ModelCard): string[] {
  if (scores.length === 0) return [];
  const rows = scores.map(({ text, perplexity, kl, tokens }) =>
    [
      code(text).replaceAll("|", "\\|"),
      perplexity.toFixed(3),
      kl === null ? "" : kl.toFixed(4),
      String(tokens),
    ].join(" | ")
  );
  return [
    "## Measured",
    "",
    "| Text | Perplexity | KL to the fine-tune, nats a token | Tokens scored |",
    "|:-|-:|-:|-:|",
    ...rows.map((row) => `| ${row} |`),
    "",
  ];
}

function useLines({ kind, base, file }: ModelCard): string[] {
  if (kind === "checkpoint") return ["A folder in Hugging Face's layout: any program loads it."];
  const [of, delta] = [shellWord(placeOf(base)), shellWord(file.name)];
  return [
    "With the workspace that made it: as a whole model that any program loads, and scored.",
    "",
    commands([
      `deno task apply --base ${of} --delta ${delta} --out model`,
      `deno task evaluate --base ${of} --delta ${delta} --text wikitext`,
    ]),
  ];
}

/** As an option names it: by its repository where it has one. */
function placeOf(model: CardModel): string {
  return model.origin ?? model.name;
}

function shown(model: CardModel): string {
  const repository = repositoryOf(model);
  return repository === null
    ? code(model.name)
    : `[${prose(repository)}](https://huggingface.co/${repository})`;
}

function repositoryOf({ origin }: CardModel): string | null {
  return origin === null ? null : repositoryIn(origin, "model");
}

function datasetOf(text: string): string | null {
  // As provenance words it: the name, and behind a comma what was read of it.
  return repositoryIn(text.split(", ")[0], "dataset");
}
