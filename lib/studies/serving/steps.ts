/**
 * Decoding steps of given sequences, timed. Which token follows does not change how long a step takes, so that tokens
 * are made up. Not here: whose sequences they are (`measure.ts`).
 */

import type { BatchModel, Sequence } from "../../model/serving/batch_model.ts";

/** How steps are measured. */
export interface StepChoice {
  /** Tokens of each sequence before the first step. Default: 16. */
  readonly prompt?: number;
  /** Steps of a measurement, of which the first is not counted. Default: 8. */
  readonly steps?: number;
}

const PROMPT = 16;
const STEPS = 8;
/** Made-up ids: those of tokens that every vocabulary has. */
const FIRST_ID = 3;
const IDS = 97;

/** Tokens that a sequence has at the end. */
export function tokensOf({ prompt = PROMPT, steps = STEPS }: StepChoice): number {
  return prompt + steps;
}

/** Sequences that go on together. Dispose of them to release them. */
export interface Steps extends Disposable {
  /** One more token of each. */
  step(): Promise<void>;
}

/** Starts a sequence of each name and runs its prompt. */
export async function begin(
  choice: StepChoice,
  model: BatchModel,
  names: readonly (string | null)[],
): Promise<Steps> {
  const { prompt = PROMPT } = choice;
  using started = new DisposableStack();
  const sequences: Sequence[] = [];
  for (const [row, name] of names.entries()) {
    const sequence = started.adopt(model.start(name, tokensOf(choice)), (each) => each.release());
    const tokens = Int32Array.from({ length: prompt }, (_, at) => (7 * row + at) % IDS + FIRST_ID);
    await model.prefill(sequence, tokens);
    sequences.push(sequence);
  }
  const held = started.move();
  return {
    async step() {
      await model.decode(
        sequences.map((sequence, row) => ({ sequence, token: FIRST_ID + row % IDS })),
      );
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** Milliseconds of the middle one of several steps; the first, which compiles, is not counted. */
export async function medianOfSteps(
  { steps = STEPS }: StepChoice,
  step: () => Promise<void>,
): Promise<number> {
  const taken: number[] = [];
  for (let index = 0; index < steps; index++) {
    const started = performance.now();
    await step();
    if (index > 0) taken.push(performance.now() - started);
  }
  return taken.toSorted((a, b) => a - b)[Math.floor((taken.length - 1) / 2)];
}

/** The same of a sequence of each name on one model. */
export async function stepsOf(
  choice: StepChoice,
  model: BatchModel,
  names: readonly (string | null)[],
  signal?: AbortSignal,
): Promise<number> {
  using steps = await begin(choice, model, names);
  return await medianOfSteps(choice, () => {
    signal?.throwIfAborted();
    return steps.step();
  });
}
