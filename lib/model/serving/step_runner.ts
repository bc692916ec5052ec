/**
 * Runs a step: rows through the embedding, every decoder layer and the head. Not here: graphs (`step_graphs.ts`), and
 * which rows a step has (`row_model.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Engine, Placed } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";
import type { KeyValueCache, SequenceRoom } from "./key_value_cache.ts";
import { RowAngles, type RowPlace } from "./row_angles.ts";
import type { RowWeights, StepPart, StepShape, StepWeights } from "./row_weights.ts";
import type { StepGraphs } from "./step_graphs.ts";

/** A token that a step runs. */
export interface StepRow extends RowPlace {
  readonly tenant: string | null;
  readonly token: number;
  /** Where keys and values of its sequence lie; of a step of one sequence the same of all. */
  readonly room: SequenceRoom;
}

/** Runs steps, one at a time. */
export class StepRunner {
  readonly #angles = new RowAngles();

  /** Holds nothing of its own. */
  constructor(
    readonly engine: Engine,
    readonly config: DecoderConfig,
    readonly weights: RowWeights,
    readonly graphs: StepGraphs,
    readonly cache: KeyValueCache,
  ) {}

  /** Logits after each of several rows, of a sequence each. */
  async decode(rows: readonly StepRow[], size: number): Promise<Float32Array[]> {
    const step: StepShape = { kind: "decode", rows: size };
    using weights = await this.weights.begin(step, rows.map(({ tenant }) => tenant));
    const hidden = await this.#hidden(step, rows, weights);
    return await this.#logits(step, hidden, rows, weights);
  }

  /** Logits after the last of several rows of one sequence; none where they are not asked for. */
  async prefill(
    rows: readonly StepRow[],
    size: number,
    asksLogits: boolean,
  ): Promise<Float32Array> {
    const hidden = await this.#prefilled(rows, size);
    if (!asksLogits) {
      hidden.release();
      return new Float32Array(0);
    }
    const last = rows.slice(-1);
    const step: StepShape = { kind: "decode", rows: 1 };
    using weights = await this.weights.begin(step, last.map(({ tenant }) => tenant));
    return (await this.#logits(step, hidden, last, weights))[0];
  }

  /** The hidden state of the last row, alone. */
  async #prefilled(rows: readonly StepRow[], size: number): Promise<Placed> {
    const step: StepShape = { kind: "prefill", rows: size };
    using weights = await this.weights.begin(step, rows.map(({ tenant }) => tenant));
    const hidden = await this.#hidden(step, rows, weights);
    try {
      const { program } = await this.graphs.lastRow(size);
      return (await program.keep({ hidden, row: Int32Array.of(rows.length - 1) })).output;
    } finally {
      hidden.release();
    }
  }

  /** Hidden states after the last decoder layer, which the caller releases. */
  async #hidden(
    step: StepShape,
    rows: readonly StepRow[],
    weights: StepWeights,
  ): Promise<Placed> {
    using placed = new DisposableStack();
    const place = async (numbers: Numbers) => {
      const each = await this.engine.place(numbers);
      placed.defer(() => each.release());
      return each;
    };
    const filled = (values: readonly number[], rest: number) => {
      const all = new Int32Array(step.rows).fill(rest);
      all.set(values);
      return all;
    };
    const isDecode = step.kind === "decode";
    const { cosines, sines } = this.#angles.of(rows, step.rows);
    const own = {
      cosines: await place(cosines),
      sines: await place(sines),
      sequences: await place(filled(rows.map((_, row) => isDecode ? row : 0), -1)),
      positions: await place(filled(rows.map(({ position }) => position), 0)),
    };
    const rooms = isDecode ? rows.map(({ room }) => room) : [rows[0].room];
    const pages: Placed[] = [];
    for (const [group, { tablePages }] of this.cache.groups.entries()) {
      const tables = new Int32Array((isDecode ? step.rows : 1) * tablePages).fill(-1);
      rooms.forEach(({ tables: own }, row) => tables.set(own[group], row * tablePages));
      pages.push(await place(tables));
    }
    const tokens = filled(rows.map(({ token }) => token), 0);
    let hidden = await this.#keep(step, "embedding", weights, { tokens });
    for (let index = 0; index < this.config.layerCount; index++) {
      const group = this.cache.groups.findIndex(({ layers }) => layers.includes(index));
      const feeds = { ...own, pages: pages[group], ...this.cache.layer(index), hidden };
      try {
        hidden = await this.#keep(step, index, weights, feeds);
      } finally {
        feeds.hidden.release();
      }
    }
    return hidden;
  }

  async #keep(
    step: StepShape,
    part: StepPart,
    weights: StepWeights,
    own: Readonly<Record<string, Placed | Numbers>>,
  ): Promise<Placed> {
    const { program, weightInputs } = await this.graphs.part(step, part, weights);
    const { output } = await program.keep({ ...weights.feeds(part, weightInputs), ...own });
    return output;
  }

  /** Logits of the rows; their hidden states are released. */
  async #logits(
    step: StepShape,
    hidden: Placed,
    rows: readonly StepRow[],
    weights: StepWeights,
  ): Promise<Float32Array[]> {
    try {
      const { program, weightInputs } = await this.graphs.part(step, "head", weights);
      const { output } = await program.run({ ...weights.feeds("head", weightInputs), hidden });
      const width = output.length / step.rows;
      return rows.map(({ config }, row) => {
        const begin = row * width;
        return (output as Float32Array).subarray(begin, begin + config.vocabularySize);
      });
    } finally {
      hidden.release();
    }
  }
}
