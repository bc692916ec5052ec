/**
 * The graphs of a step of rows: the decoder of `llama.ts` with a KV cache, compiled for a number of rows, one graph
 * for all decoder layers that are alike. Not here: weights (`row_weights.ts`) and which rows run (`row_model.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Engine, Program } from "../../graph/engine.ts";
import { input, topologicalOrder, type Value } from "../../graph/graph.ts";
import { cachedAttention } from "../../graph/ops/cached_attention.ts";
import { scaleBy } from "../../graph/ops/elementwise.ts";
import { gatherRows } from "../../graph/ops/matrix.ts";
import { rotaryRows } from "../../graph/ops/rotary_rows.ts";
import { releaseAll } from "../../graph/program_cache.ts";
import { type Attention, decoderLayer, embedTokens, headLogits, layerConfig } from "../llama.ts";
import { type CacheGroup, PAGE_SIZE } from "./cache_plan.ts";
import type { StepPart, StepShape, StepWeights } from "./row_weights.ts";

/** Inputs that the step itself feeds, not its weights. */
const OWN_INPUTS = [
  ...["tokens", "hidden", "cosines", "sines", "sequences", "positions", "pages"],
  ...["keyCache", "valueCache"],
];

/** A compiled part of a step. */
export interface StepProgram {
  readonly program: Program;
  /** Inputs that its weights feed. */
  readonly weightInputs: readonly string[];
}

/** Compiles each graph of a step when it is first run. Dispose of it to free them. */
export class StepGraphs implements AsyncDisposable {
  /** Those that were not run for longest first. */
  readonly #programs = new Map<string, Promise<StepProgram>>();

  /** @param most graphs that stay compiled. */
  constructor(
    readonly engine: Engine,
    readonly config: DecoderConfig,
    readonly groups: readonly CacheGroup[],
    readonly most: number,
  ) {}

  /**
   * A part of a step: the embedding gives `output` `[rows, hidden]` of `tokens`, a decoder layer of `hidden`, and the
   * head logits `[rows, vocabulary]`.
   */
  async part(step: StepShape, part: StepPart, weights: StepWeights): Promise<StepProgram> {
    const group = typeof part === "number" ? this.#groupOf(part) : null;
    const kind = group ? `layer ${group.slidingWindow}` : part;
    const name = JSON.stringify([step.kind, step.rows, kind, weights.key(part)]);
    return await this.#get(name, () => this.#build(step, part, group, weights));
  }

  /** The row `row` of `hidden` `[rows, hidden]`, alone. */
  async lastRow(rows: number): Promise<StepProgram> {
    return await this.#get(`last of ${rows}`, () => {
      const hidden = input("hidden", [rows, this.config.hiddenSize]);
      return gatherRows(hidden, input("row", [1], "i32"));
    });
  }

  /** Frees all graphs. */
  async [Symbol.asyncDispose](): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    await releasePrograms(programs);
  }

  async #get(name: string, build: () => Value): Promise<StepProgram> {
    const known = this.#programs.get(name) ?? this.#compile(build());
    this.#programs.delete(name);
    this.#programs.set(name, known);
    if (this.#programs.size > this.most) {
      const [[oldest, program]] = this.#programs;
      this.#programs.delete(oldest);
      await releasePrograms([program]);
    }
    try {
      return await known;
    } catch (error) {
      // There may be room for it another time.
      if (this.#programs.get(name) === known) this.#programs.delete(name);
      throw error;
    }
  }

  async #compile(output: Value): Promise<StepProgram> {
    const names = topologicalOrder([output]).flatMap(({ name }) => name ?? []);
    const weightInputs = [...new Set(names)].filter((name) => !OWN_INPUTS.includes(name));
    return { program: await this.engine.compile({ output }), weightInputs };
  }

  #build(
    step: StepShape,
    part: StepPart,
    group: CacheGroup | null,
    weights: StepWeights,
  ): Value {
    const { config } = this;
    const { rows } = step;
    const context = { config, shape: { batch: rows, sequence: 1 }, ...weights.context(part) };
    if (part === "embedding") return embedTokens(input("tokens", [rows], "i32"), context);
    const hidden = input("hidden", [rows, config.hiddenSize]);
    if (part === "head") return headLogits(hidden, context);
    const attention = cachedRows(layerConfig(config, part), step, group!);
    return decoderLayer(hidden, 0, { ...context, attention });
  }

  #groupOf(layer: number): CacheGroup {
    return this.groups.find(({ layers }) => layers.includes(layer))!;
  }
}

/** Attention of rows to the keys of their sequences in a cache, to which theirs are added. */
function cachedRows(
  config: DecoderConfig,
  { kind, rows }: StepShape,
  group: CacheGroup,
): Attention {
  const sequences = kind === "decode" ? rows : 1;
  const { headSize, slidingWindow } = config;
  const ofRows = (name: string) => input(name, [rows], "i32");
  const cells = [group.pages * PAGE_SIZE, config.keyValueHeadCount * headSize];
  const [cosines, sines] = ["cosines", "sines"].map((name) => input(name, [rows, headSize / 2]));
  return (queries, keys, values) => {
    const [turnedQueries, turnedKeys] = [queries, keys]
      .map((each) => rotaryRows(each, cosines, sines, headSize));
    const operands = {
      queries: scaleBy(turnedQueries, 1 / Math.sqrt(headSize)),
      keys: turnedKeys,
      values,
      keyCache: input("keyCache", cells),
      valueCache: input("valueCache", cells),
      sequences: ofRows("sequences"),
      positions: ofRows("positions"),
      pages: input("pages", [sequences, group.tablePages], "i32"),
    };
    return cachedAttention(operands, { headSize, pageSize: PAGE_SIZE, slidingWindow });
  };
}

function releasePrograms(programs: Iterable<Promise<StepProgram>>): Promise<void> {
  return releaseAll([...programs].map((each) => each.then(({ program }) => program)));
}
