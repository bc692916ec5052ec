/** The figures that the README calculates for a GPU, calculated again from the shapes of Llama-2-7b. */

import assert from "node:assert/strict";
import { parseConfig } from "../lib/checkpoint/config.ts";
import { elementCount } from "../lib/checkpoint/tensor.ts";
import {
  linearLayerNames,
  linearShape,
  tensorNames,
  tensorShape,
} from "../lib/checkpoint/weights.ts";

const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));

const config = parseConfig({
  architectures: ["LlamaForCausalLM"],
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  hidden_act: "silu",
}, "Llama-2-7b");

/** Bytes and operations a second. */
const card = { bandwidth: 1e12, operations: 20e12 };
const rows = 512;

Deno.test("the README's calculated figures follow from the shapes of Llama-2-7b", () => {
  const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);
  const all = sum(tensorNames(config).map((name) => elementCount(tensorShape(config, name))));
  const masked = sum(
    linearLayerNames(config).map((name) => elementCount(linearShape(config, name))),
  );
  const head = elementCount(tensorShape(config, "lm_head.weight"));
  const layer = masked / config.layerCount;
  const bytes = { base: 2 * all, masks: masked / 8 };
  const seconds = (operations: number) => operations / card.operations;
  // A product: a multiplication and an addition for each weight and token; with W + αS it is one too.
  const dense = 2 * (masked + head);
  // The fine-tune's inputs, U = XΔᵀ and V = XSᵀ.
  const activationAware = seconds(rows * 3 * 2 * masked);
  // Teacher and student forward, and back through the student to the inputs of its layers.
  const step = seconds(rows * (5 * 2 * masked + 3 * 2 * head));
  const cells = [
    `${(bytes.base / 1e9).toFixed(2)} GB + ${(bytes.masks / 1e9).toFixed(2)} GB`,
    `${((2 * layer + layer / 8) / 1e6).toFixed(1)} MB, ${(1 + 1 / 16).toFixed(2)} times`,
    `${((bytes.base + bytes.masks) / card.bandwidth * 1e3).toFixed(1)} ms`,
    `${tokensPerSecond(dense)} tokens/s, either`,
    `${activationAware.toFixed(1)} s`,
    `${step.toFixed(1)} s and ${(250 * step / 60).toFixed(1)} min`,
  ];
  for (const cell of cells) assert.ok(readme.includes(` ${cell} |`), cell);
});

function tokensPerSecond(operations: number): string {
  return Math.round(card.operations / operations).toLocaleString("en");
}
