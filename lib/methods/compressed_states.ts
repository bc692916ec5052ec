/**
 * The compressed model as far as it is made: what its linear layers read, a group of layers at a time.
 *
 * A decoder layer is cut where its linear layers are: what goes into a group follows from what came out of
 * the groups before it, which are compressed already. The products of each layer are computed on their own,
 * straight from its stored parts. Not here: the fine-tune's inputs (`activations.ts`).
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import { layerIndex, linearShape, nameInLayer } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { formOf, layerParts } from "../codecs/layer.ts";
import type { Feed, Placed } from "../graph/engine.ts";
import { input, topologicalOrder, type Value } from "../graph/graph.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import { modelInputs, parameterInputs } from "../model/linear.ts";
import { decoderLayer, embedTokens, layerConfig } from "../model/llama.ts";
import { numbersOf } from "../model/model_tensors.ts";
import type { RowPlan } from "./activations.ts";
import { RowCollector } from "./row_collector.ts";

/** Inputs of the parts' graphs that are no tensors of the model. */
const HIDDEN = "hidden";
const MASK = "attentionMask";
const OUTPUT = "output of ";

/** A decoder layer, cut at its linear layers. */
interface CutLayer {
  readonly embedded: Value;
  /** Layers as layer 0 calls them, and what they read, in the order of the forward pass. */
  readonly groups: readonly { readonly layers: readonly string[]; readonly inputs: Value }[];
  readonly output: Value;
}

/** Where the compressed model stands. Dispose of it to free what it holds on the engine. */
export class CompressedStates implements Disposable {
  /** The first decoder layer, and those with another window, by their windows. */
  readonly #cuts = new Map<number | null, CutLayer>();
  readonly #collector: RowCollector;
  /** A matrix a batch: by input of the parts' graphs, and what the current group reads. */
  readonly #states = new Map<string, Placed[]>();
  #inputs: Placed[] = [];

  /**
   * @param whole reads a tensor that is kept whole.
   */
  constructor(
    readonly programs: ProgramCache,
    readonly config: DecoderConfig,
    readonly plan: RowPlan,
    readonly whole: (tensor: string) => Promise<RawTensor>,
  ) {
    const { batch, sequence } = plan.shape;
    this.#collector = new RowCollector(programs, batch * sequence, plan.wanted);
  }

  /**
   * X, `[rows, in]`, of a group of linear layers, once all layers before it were given to
   * {@linkcode CompressedStates.advance}. The caller releases it.
   */
  async inputs(layers: readonly string[]): Promise<Placed> {
    const index = layerIndex(layers[0]);
    const { embedded, groups } = this.#cut(index);
    if (!this.#states.has(HIDDEN)) await this.#compute(HIDDEN, embedded, 0);
    const group = groups.find((each) => each.layers[0] === nameInLayer(layers[0], 0))!;
    this.#inputs = await this.#run(group.inputs, index);
    for (const [batch, inputs] of this.#inputs.entries()) {
      await this.#collector.take(layers[0], batch, inputs);
    }
    return await this.#collector.collected(layers[0]);
  }

  /**
   * Computes what a layer of the current group makes of its inputs, compressed.
   *
   * @param base W of the base, which a layer of role `"delta"` is added to.
   */
  async advance(name: string, layer: CompressedLayer, base: RawTensor): Promise<void> {
    const first = nameInLayer(name, 0);
    const forms = new Map([[first, formOf(layer)]]);
    const program = await this.programs.get(`product of ${JSON.stringify([...forms])}`, () => {
      const { batch, sequence } = this.plan.shape;
      const inputs = input("inputs", [batch * sequence, layer.shape[1]]);
      return { output: modelInputs(this.config, forms).linear(inputs, first) };
    });
    const placed: Record<string, Placed> = {};
    try {
      const { engine } = this.programs;
      if (layer.role === "delta") placed[`${first}.weight`] = await engine.place(base, name);
      for (const { entry, term, part } of layerParts(first, layer)) {
        placed[entry] = await engine.place(numbersOf(layer.terms[term].parts[part]), name);
      }
      const outputs = this.#hold(OUTPUT + first);
      for (const inputs of this.#inputs) {
        outputs.push((await program.keep({ ...placed, inputs })).output);
      }
    } finally {
      Object.values(placed).forEach((each) => each.release());
    }
    const { groups, output } = this.#cut(layerIndex(name));
    const { layers } = groups.find((each) => each.layers.includes(first))!;
    if (layers.at(-1) !== first) return;
    this.#release(this.#inputs);
    if (layers !== groups.at(-1)!.layers) return;
    await this.#compute(HIDDEN, output, layerIndex(name));
    for (const state of [...this.#states.keys()]) if (state !== HIDDEN) this.#drop(state);
  }

  /** Hidden states after the decoder layers that were advanced through, a matrix a batch; they stay its own. */
  get hidden(): readonly Placed[] {
    return this.#states.get(HIDDEN) ?? [];
  }

  /** Goes on after the decoder layers that an earlier run had come through, and releases the states. */
  goOn(hidden: readonly Placed[]): void {
    this.#hold(HIDDEN).push(...hidden);
  }

  /** Frees everything. */
  [Symbol.dispose](): void {
    this.#release(this.#inputs);
    for (const state of [...this.#states.keys()]) this.#drop(state);
    this.#collector[Symbol.dispose]();
  }

  /** Decoder layer `index`, cut. */
  #cut(index: number): CutLayer {
    const config = layerConfig(this.config, index);
    const known = this.#cuts.get(config.slidingWindow) ?? cutLayer(config, this.plan);
    this.#cuts.set(config.slidingWindow, known);
    return known;
  }

  /** Puts what a part makes of the states in the place of one of them. */
  async #compute(state: string, value: Value, index: number): Promise<void> {
    const made = await this.#run(value, index);
    this.#drop(state);
    this.#hold(state).push(...made);
  }

  /** A part of decoder layer `index`, for every batch. */
  async #run(value: Value, index: number): Promise<Placed[]> {
    const names = topologicalOrder([value]).flatMap(({ name }) => name ?? []);
    const window = layerConfig(this.config, index).slidingWindow;
    const program = await this.programs.get(
      `part with ${names} to [${value.shape}], window ${window}`,
      () => ({ value }),
    );
    const made: Placed[] = [];
    const weights: Record<string, Placed> = {};
    try {
      for (const name of names.filter((each) => each.startsWith("model."))) {
        const tensor = nameInLayer(name, index);
        weights[name] = await this.programs.engine.place(await this.whole(tensor), tensor);
      }
      for (const [batch, { tokens, attentionMask }] of this.plan.batches.entries()) {
        const given: Record<string, Feed | undefined> = { tokens, [MASK]: attentionMask };
        const states = names.flatMap((name) => {
          const feed = weights[name] ?? given[name] ?? this.#states.get(name)?.[batch];
          return feed ? [[name, feed] as const] : [];
        });
        made.push((await program.keep(Object.fromEntries(states))).value);
      }
      return made;
    } catch (error) {
      this.#release(made);
      throw error;
    } finally {
      Object.values(weights).forEach((each) => each.release());
    }
  }

  #hold(state: string): Placed[] {
    const held: Placed[] = [];
    this.#states.set(state, held);
    return held;
  }

  #drop(state: string): void {
    this.#release(this.#states.get(state) ?? []);
    this.#states.delete(state);
  }

  #release(placed: Placed[]): void {
    placed.splice(0).forEach((each) => each.release());
  }
}

function cutLayer(config: DecoderConfig, { shape }: RowPlan): CutLayer {
  const rows = shape.batch * shape.sequence;
  const groups: { layers: string[]; inputs: Value }[] = [];
  const linear = (inputs: Value, layer: string) => {
    const known = groups.find((each) => each.inputs === inputs);
    if (known) known.layers.push(layer);
    else groups.push({ layers: [layer], inputs });
    return input(OUTPUT + layer, [rows, linearShape(config, layer)[0]]);
  };
  const attentionMask = input(MASK, [shape.batch, shape.sequence], "i32");
  const parameters = parameterInputs(config);
  const context = { config, shape, parameters, linear, attentionMask };
  const output = decoderLayer(input(HIDDEN, [rows, config.hiddenSize]), 0, context);
  const embedded = embedTokens(input("tokens", [rows], "i32"), context);
  return { embedded, groups, output };
}
