/**
 * How far another model is from the one that answers, token by token: KL(model ‖ other) of what each expects next
 * after the same tokens, in nats. Both go along in sequences of their own, so that the scheduler's are as they would
 * be. Not here: the answer.
 */

import type { BatchModel, Sequence } from "../../model/serving/batch_model.ts";
import { ServingError } from "../../util/errors.ts";
import type { TenantDirectory } from "../tenant_directory.ts";
import { ApiError } from "./api_error.ts";

/** What runs both. */
export interface DivergenceParts {
  readonly model: BatchModel;
  readonly directory: TenantDirectory;
}

/** Two models that go along with an answer. Dispose of it to give their room back. */
export class Divergence implements Disposable {
  readonly #model: BatchModel;
  readonly #sequences: readonly Sequence[];
  readonly #opened: DisposableStack;
  #next: number;

  private constructor(
    model: BatchModel,
    sequences: readonly Sequence[],
    next: number,
    opened: DisposableStack,
  ) {
    this.#model = model;
    this.#sequences = sequences;
    this.#next = next;
    this.#opened = opened;
  }

  /**
   * Runs the prompt through both, which are in memory. It waits for no room: who has some and waits for more stands
   * in the way of others who do the same.
   *
   * @param names of the model that answers and of the other; `null` is the base.
   * @param tokens of prompt and answer.
   * @throws {ApiError} if there is no room, or the two have different tokens.
   */
  static async open(
    { model, directory }: DivergenceParts,
    names: readonly (string | null)[],
    prompt: Int32Array,
    tokens: number,
  ): Promise<Divergence> {
    using opened = new DisposableStack();
    for (const name of names) {
      if (name === null) continue;
      const hold = directory.hold(name);
      if (hold === null) throw noRoom();
      opened.defer(() => hold.release());
    }
    const sequences = names.map((name) => {
      const sequence = started(model, name, tokens, prompt.length);
      opened.defer(() => sequence.release());
      return sequence;
    });
    const [own, other] = [
      await prefilled(model, sequences[0], prompt),
      await prefilled(model, sequences[1], prompt),
    ];
    if (own.length !== other.length) {
      const fault = { problem: "has other tokens", option: "kl_against", value: names[1] };
      throw new ApiError("invalid", { ...fault, expected: `a model of ${own.length} tokens` });
    }
    return new Divergence(model, sequences, divergence(own, other), opened.move());
  }

  /** Of the token that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Goes on with the token that came. */
  async push(token: number): Promise<void> {
    const rows = this.#sequences.map((sequence) => ({ sequence, token }));
    const [own, other] = this.#model.mostRows >= rows.length
      ? await this.#model.decode(rows)
      : [...await this.#model.decode([rows[0]]), ...await this.#model.decode([rows[1]])];
    this.#next = divergence(own, other);
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
  }
}

/** `Σ p (log p − log q)` of two softmaxes, by the largest logits of each. */
export function divergence(own: Float32Array, other: Float32Array): number {
  const [p, q] = [normaliser(own), normaliser(other)];
  let sum = 0;
  for (let id = 0; id < own.length; id++) {
    const logP = own[id] - p;
    sum += Math.exp(logP) * (logP - (other[id] - q));
  }
  // What rounding makes of equal distributions may be below.
  return Math.max(0, sum);
}

/** log Σ exp. */
function normaliser(logits: Float32Array): number {
  let largest = -Infinity;
  for (const each of logits) if (each > largest) largest = each;
  let sum = 0;
  for (const each of logits) sum += Math.exp(each - largest);
  return largest + Math.log(sum);
}

function started(model: BatchModel, name: string | null, tokens: number, prompt: number): Sequence {
  try {
    return model.start(name, tokens, prompt);
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    throw noRoom(error);
  }
}

function noRoom(cause?: unknown): ApiError {
  const problem = "there is no room for both models at once";
  return new ApiError("noRoom", { problem, option: "kl_against", expected: "one", cause }, 1);
}

async function prefilled(
  model: BatchModel,
  sequence: Sequence,
  prompt: Int32Array,
): Promise<Float32Array> {
  let logits!: Float32Array;
  for (let begin = 0; begin < prompt.length; begin += model.chunk) {
    const end = begin + model.chunk;
    logits = await model.prefill(sequence, prompt.slice(begin, end), end >= prompt.length);
  }
  return logits;
}
