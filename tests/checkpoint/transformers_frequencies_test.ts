/** Frequencies of published configurations beside transformers' own, which `fixtures/architectures` holds. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../lib/checkpoint/config.ts";
import { rotaryFrequencies } from "../../lib/checkpoint/rotary_frequencies.ts";
import { rotationTables } from "../../lib/graph/ops/rotary.ts";

/** A configuration, and what transformers makes of it. */
interface Frequencies {
  readonly name: string;
  readonly kind: string;
  readonly theta: number;
  readonly rope: { readonly rope_type: string };
  readonly sizes: Readonly<Record<string, number>>;
  readonly inv_freq: readonly number[];
  readonly attention_scaling: number;
  /** By tokens of the sequence. */
  readonly by_length?: Readonly<Record<string, readonly number[]>>;
  readonly positions?: readonly number[];
  /** Of every fifth pair. */
  readonly cos?: readonly (readonly number[])[];
  readonly sin?: readonly (readonly number[])[];
}

const file = new URL("../fixtures/architectures/rotary.json", import.meta.url);
const published = JSON.parse(await Deno.readTextFile(fileURLToPath(file))) as Frequencies[];

/** The last bits by which two float32 numbers differ. */
function bitsApart(a: number, b: number): number {
  const [x, y] = new Int32Array(Float32Array.of(a, b).buffer);
  return Math.abs(x - y);
}

for (const { name, kind, theta, rope, sizes, ...wanted } of published) {
  Deno.test(`frequencies of ${name} are transformers'`, () => {
    const json = {
      model_type: kind,
      vocab_size: 128,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_key_value_heads: 4,
      ...sizes,
    };
    const settings = [
      { rope_theta: theta, rope_scaling: rope },
      { rope_parameters: { ...rope, rope_theta: theta } },
    ];
    for (const fields of settings) {
      const config = parseConfig({ ...json, ...fields }, "config.json");
      const of = (length: number) => rotaryFrequencies(config, length);
      const lengths = { "1": wanted.inv_freq, ...wanted.by_length };
      for (const [length, expected] of Object.entries(lengths)) {
        const { frequencies } = of(Number(length));
        assert.equal(frequencies.length, expected.length);
        const apart = expected.map((each, pair) => bitsApart(each, frequencies[pair]));
        // Its powers are of one bit either way, and few of them are; unscaled frequencies are rounded once here.
        assert.ok(Math.max(...apart) <= 1, `${length} tokens: ${apart}`);
        if (rope.rope_type === "default") continue;
        const others = apart.filter((each) => each > 0).length;
        assert.ok(others <= 3, `${length} tokens: ${others} are not equal to the bit`);
      }
      const turns = of(1);
      assert.ok(Math.abs(turns.attentionFactor / wanted.attention_scaling - 1) < 1e-15);
      for (const [row, position] of (wanted.positions ?? []).entries()) {
        if (position > 4095) continue;
        const tables = rotationTables(position + 1, {
          frequencies: Float32Array.from(wanted.inv_freq),
          attentionFactor: turns.attentionFactor,
        });
        const at = (table: Float32Array, index: number) =>
          table[position * wanted.inv_freq.length + 5 * index];
        wanted.cos![row].forEach((each, index) =>
          assert.ok(Math.abs(at(tables.cosines, index) - each) < 2.5e-7)
        );
        wanted.sin![row].forEach((each, index) =>
          assert.ok(Math.abs(at(tables.sines, index) - each) < 2.5e-7)
        );
      }
    }
  });
}
