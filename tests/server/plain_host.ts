/**
 * A host without a model: the logits of a sequence are made by chance from its tenant and its tokens alone. It checks
 * what a host may expect of those who call it, and counts what they hold.
 */

import assert from "node:assert/strict";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import type { NextToken, Sequence, TenantHost } from "../../lib/model/serving/batch_model.ts";
import { ServingError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";

export const VOCABULARY = 32;
const PAGE = 4;

/** A delta of so many bytes, and nothing else. */
export interface PlainDelta {
  readonly bytes: number;
}

interface PlainSequence extends Sequence {
  length: number;
  readonly tokens: number[];
  readonly pages: number;
  isReleased: boolean;
}

/** Logits after tokens of a tenant. */
export function plainLogits(tenant: string | null, tokens: readonly number[]): Float32Array {
  let seed = tenant === null
    ? 7
    : [...tenant].reduce((h, c) => Math.imul(h, 31) + c.charCodeAt(0), 1);
  for (const token of tokens) seed = Math.imul(seed, 0x01000193) ^ (token + 1);
  const random = new SeededRandom(seed);
  return Float32Array.from({ length: VOCABULARY }, () => 3 * random.uniform());
}

export class PlainHost implements TenantHost {
  readonly config = { vocabularySize: VOCABULARY } as DecoderConfig;
  readonly longest: number;
  readonly chunk: number;
  readonly mostRows: number;
  readonly tenants = new Map<string, number>();
  /** Sequences that were not released. */
  readonly sequences = new Set<PlainSequence>();
  /** What was run, a line a step. */
  readonly steps: string[] = [];
  /** Called in each step, before it ends. */
  during: (step: string) => Promise<void> | void = () => {};
  /** Bytes of tenants that there is room for. */
  mostBytes = Infinity;
  #isRunning = false;
  readonly #pages: number;

  constructor({ longest = 64, chunk = 8, mostRows = 4, pages = 64 } = {}) {
    [this.longest, this.chunk, this.mostRows, this.#pages] = [longest, chunk, mostRows, pages];
  }

  get freeTokens(): number {
    const used = this.sequences.values().reduce((sum, { pages }) => sum + pages, 0);
    return (this.#pages - used) * PAGE;
  }

  start(tenant: string | null, tokens: number): Sequence {
    if (tenant !== null && !this.tenants.has(tenant)) throw fault(`no tenant ${tenant}`);
    const pages = Math.ceil(tokens / PAGE);
    if (pages * PAGE > this.freeTokens) throw fault("no room");
    const sequence: PlainSequence = {
      ...{ tenant, length: 0, tokens: [], pages, isReleased: false },
      release: () => {
        assert.ok(!this.#isRunning || !this.#inStep.has(sequence), "released while it is run");
        sequence.isReleased = true;
        this.sequences.delete(sequence);
      },
    };
    this.sequences.add(sequence);
    return sequence;
  }

  readonly #inStep = new Set<Sequence>();

  prefill(given: Sequence, tokens: Int32Array, isLast = true): Promise<Float32Array> {
    const sequence = this.#own(given);
    assert.ok(tokens.length > 0, "no tokens");
    const end = (Math.floor(sequence.length / this.chunk) + 1) * this.chunk;
    assert.ok(sequence.length + tokens.length <= end, "beyond the chunk");
    return this.#step(`prefill ${sequence.tenant} ${tokens.length}`, [sequence], () => {
      sequence.tokens.push(...tokens);
      return [...tokens].map(() => 0);
    }).then(([logits]) => isLast ? logits : new Float32Array(0));
  }

  decode(next: readonly NextToken[]): Promise<Float32Array[]> {
    assert.ok(next.length > 0 && next.length <= this.mostRows, `${next.length} rows`);
    const sequences = next.map(({ sequence }) => this.#own(sequence));
    assert.equal(new Set(sequences).size, sequences.length);
    const name = `decode ${sequences.map(({ tenant }) => `${tenant}`).join(" ")}`;
    return this.#step(name, sequences, () => {
      for (const [index, { token }] of next.entries()) sequences[index].tokens.push(token);
    });
  }

  async #step(name: string, sequences: PlainSequence[], run: () => void): Promise<Float32Array[]> {
    assert.ok(!this.#isRunning, "two steps at once");
    this.#isRunning = true;
    for (const sequence of sequences) this.#inStep.add(sequence);
    this.steps.push(name);
    try {
      await this.during(name);
      run();
      return sequences.map((sequence) => {
        assert.ok(!sequence.isReleased);
        sequence.length = sequence.tokens.length;
        assert.ok(sequence.length <= sequence.pages * PAGE, "beyond its room");
        return plainLogits(sequence.tenant, sequence.tokens);
      });
    } finally {
      this.#isRunning = false;
      this.#inStep.clear();
    }
  }

  #own(given: Sequence): PlainSequence {
    const sequence = given as PlainSequence;
    assert.ok(this.sequences.has(sequence), "a sequence that was released");
    return sequence;
  }

  bytesOf(delta: Delta): number {
    return (delta as unknown as PlainDelta).bytes;
  }

  async load(name: string, delta: Delta): Promise<void> {
    const bytes = this.bytesOf(delta);
    await this.during(`load ${name}`);
    if (this.tenants.has(name)) throw fault(`${name} is taken`);
    const used = this.tenants.values().reduce((sum, each) => sum + each, 0);
    assert.ok(used + bytes <= this.mostBytes, "too many bytes");
    this.tenants.set(name, bytes);
  }

  unload(name: string): void {
    if (!this.tenants.has(name)) throw fault(`no tenant ${name}`);
    for (const { tenant } of this.sequences) assert.notEqual(tenant, name, "it has sequences");
    this.tenants.delete(name);
    this.steps.push(`unload ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function fault(problem: string): ServingError {
  return new ServingError({ problem, expected: "otherwise" });
}
