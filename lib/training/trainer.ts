/**
 * The one training loop: AdamW on a loss, from its first or a saved step to its last. Knows no model and no
 * text: what is trained, on what loss and on which batches its caller says.
 */

import { firstNotFinite } from "../checkpoint/not_finite.ts";
import type { Engine, Feed, Placed } from "../graph/engine.ts";
import { DivergenceError, type Fault, OptionError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import { AdamW, type AdamWSettings } from "./adamw.ts";
import type {
  CompiledLoss,
  LossResult,
  ParameterArrays,
  StayingGradient,
} from "./compiled_loss.ts";
import { clip } from "./clip.ts";
import { PlacedAdamW } from "./placed_adamw.ts";
import type { Schedule } from "./schedules.ts";
import { restoreTrainingState, saveTrainingState, type TrainingLog } from "./training_state.ts";

/** What is trained, and how. */
export interface TrainerOptions<Batch> {
  /** Changed in place by each step. */
  readonly parameters: ParameterArrays;
  /** What is made small; the caller releases it. */
  readonly loss: CompiledLoss<Batch>;
  /** A penalty on the parameters, which adds to the loss and to its gradients; default: none. */
  readonly regulariser?: CompiledLoss<void>;
  /** What a step, counted from 0, reads: the same at each call, so that a resumed run reads the same. */
  readonly batch: (step: number) => Batch;
  /** Steps in all. */
  readonly steps: number;
  /** η of a step. */
  readonly learningRate: Schedule;
  /** Settings of AdamW. */
  readonly optimizer: AdamWSettings;
  /** Norm above which the whole gradient is scaled down to it; default: none. */
  readonly clipNorm?: number;
  /**
   * Parameters that an engine holds while they are trained, whose gradients the loss leaves there; their
   * arrays are written when the run is saved or ends. Not with `regulariser` or `clipNorm`. Default: none.
   */
  readonly staying?: { readonly engine: Engine; readonly names: readonly string[] };
  /** A digest of all that determines the run, by which a saved state is known as its own. */
  readonly run: string;
  /** What is most likely at fault where a loss is not finite; default: the largest parameter. */
  readonly suspect?: () => Promise<Suspect>;
}

/** A tensor that may have made a loss infinite. */
export interface Suspect {
  /** Its name. */
  readonly tensor: string;
  /** Its largest magnitude. */
  readonly magnitude: number;
  /** The model that it is of, where there are several. */
  readonly model?: string;
}

/** How a run is watched and kept. */
export interface TrainOptions extends Watch {
  /**
   * File that the run is saved to every hundred steps, when it is stopped and at its end, and that it goes
   * on from; default: none. The caller removes it once the result is safe.
   */
  readonly state?: string;
  /** What a report says of a step; default: its loss. */
  readonly describe?: (loss: number, step: number) => string;
}

/** Gradients where none stays on an engine. */
const NONE: ReadonlyMap<string, StayingGradient> = new Map();

/** Steps between two saves of the state. */
const SAVE_EVERY = 100;

/**
 * Parameters in training.
 *
 * @example
 * ```ts
 * import { compileLoss, cosineSchedule, input, onnxEngine, ops } from "@bitdelta/workspace";
 * import { torchAdamW, Trainer } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const weights = input("weights", [2]);
 * const apart = ops.subtract(weights, input("target", [2]));
 * const value = ops.sumTo(ops.multiply(apart, apart), []);
 * const loss = await compileLoss(onnxEngine(), value, [weights]);
 * const trainer = new Trainer({
 *   parameters: new Map([["weights", Float32Array.of(0, 0)]]),
 *   loss,
 *   batch: () => ({ target: Float32Array.of(1, -2) }),
 *   steps: 200,
 *   learningRate: cosineSchedule(200, 0.1),
 *   optimizer: { ...torchAdamW, weightDecay: 0 },
 *   run: "two numbers",
 * });
 * await trainer.train();
 * await loss.release();
 * const found = trainer.parameters.get("weights")!;
 * assert.deepEqual([...found].map((each) => each.toFixed(3)), ["1.000", "-2.000"]);
 * ```
 */
export class Trainer<Batch> {
  /** Its step count is the run's. */
  readonly optimizer: AdamW;
  /** Losses so far, and the time that they took. */
  readonly log: TrainingLog = { losses: [], seconds: 0 };
  /** Of that time, what an earlier run took. */
  resumedSeconds = 0;
  #placed: PlacedAdamW | null = null;

  /**
   * Before its first step.
   *
   * @throws {OptionError} if parameters that stay on an engine are to be regularised or clipped.
   */
  constructor(readonly options: TrainerOptions<Batch>) {
    const { staying, regulariser, clipNorm } = options;
    if (staying && (regulariser || clipNorm !== undefined)) {
      throw new OptionError({
        problem: "are not for parameters that stay on an engine",
        option: "regulariser and clipNorm",
        value: staying.names,
        expected: "neither of them, or no such parameters",
      });
    }
    this.optimizer = new AdamW(options.parameters, options.optimizer);
  }

  /** What is trained. */
  get parameters(): ParameterArrays {
    return this.options.parameters;
  }

  /** A digest of all that determines the run. */
  get run(): string {
    return this.options.run;
  }

  /**
   * Takes all steps that are left.
   *
   * @throws {DivergenceError} as {@linkcode Trainer.step}, and if a parameter is not finite at the end.
   * @throws {TrainingStateError} {SafetensorsError} if the state is of another run, or not as it was saved.
   * @throws the signal's reason once it is aborted, with the state saved as of the last whole step.
   */
  async train(options: TrainOptions = {}): Promise<TrainingLog> {
    const { state, onProgress, signal, describe = (loss) => `loss ${loss.toFixed(4)}` } = options;
    const { steps } = this.options;
    if (state !== undefined) await restoreTrainingState(state, this);
    this.resumedSeconds = this.log.seconds;
    const save = async () => {
      if (state === undefined) return;
      await this.#placed?.store();
      await saveTrainingState(state, this);
    };
    const resumed = this.optimizer.stepCount;
    try {
      while (this.optimizer.stepCount < steps) {
        signal?.throwIfAborted();
        const step = this.optimizer.stepCount;
        const loss = await this.step(signal);
        const done = step + 1;
        if (done % SAVE_EVERY === 0 && done < steps) await save();
        onProgress?.({ done, total: steps, resumed, label: describe(loss, step) });
      }
      await this.#placed?.store();
      this.#requireFiniteParameters();
      await save();
      return this.log;
    } catch (error) {
      const isStopped = signal?.aborted && error === signal.reason;
      if (isStopped && this.optimizer.stepCount > resumed) await save();
      throw error;
    } finally {
      await this.release();
    }
  }

  /**
   * One step.
   *
   * @param signal stops it before its end, where its loss takes long.
   * @returns the loss before it, regulariser included.
   * @throws {DivergenceError} if the loss or a gradient is not finite, naming step and tensor; nothing is
   * changed then.
   */
  async step(signal?: AbortSignal): Promise<number> {
    const { parameters, batch, clipNorm, learningRate } = this.options;
    const step = this.optimizer.stepCount;
    const started = performance.now();
    const result = await this.#lossAt(batch(step), signal);
    const { loss, gradient, staying = NONE } = result;
    try {
      await this.#requireFinite(loss, gradient, staying);
      if (clipNorm !== undefined) clip([...parameters.keys()].map(gradient), clipNorm);
      const factors = this.optimizer.step(
        (name) => staying.has(name) ? null : gradient(name),
        learningRate(step),
      );
      for (const [name, { placed }] of staying) await this.#placed!.step(name, placed, factors);
    } finally {
      for (const { placed } of staying.values()) placed.release();
    }
    this.log.losses.push(loss);
    this.log.seconds += (performance.now() - started) / 1000;
    return loss;
  }

  /** Frees what an engine holds of the parameters; {@linkcode Trainer.train} does it at its end. */
  async release(): Promise<void> {
    await this.#placed?.[Symbol.asyncDispose]();
    this.#placed = null;
  }

  async #lossAt(batch: Batch, signal?: AbortSignal): Promise<LossResult> {
    const { parameters, loss, regulariser, staying } = this.options;
    if (staying) {
      const { engine, names } = staying;
      this.#placed ??= await PlacedAdamW.start(engine, this.optimizer, names);
    }
    const feeds = new Map<string, Feed>([...parameters, ...this.#placed?.parameters ?? []]);
    const result = await loss.run(feeds, batch, signal);
    if (!regulariser) return result;
    const penalty = await regulariser.run(parameters);
    for (const name of parameters.keys()) {
      const sum = result.gradient(name);
      const part = penalty.gradient(name);
      for (let i = 0; i < sum.length; i++) sum[i] += part[i];
    }
    return { loss: result.loss + penalty.loss, gradient: result.gradient };
  }

  async #requireFinite(
    loss: number,
    gradient: LossResult["gradient"],
    staying: ReadonlyMap<string, StayingGradient>,
  ): Promise<void> {
    const step = this.optimizer.stepCount + 1;
    if (!Number.isFinite(loss)) {
      await this.#placed?.store();
      const { tensor, magnitude, model } = await (this.options.suspect ?? this.#largest)();
      const of = model === undefined ? "" : `, of '${model}',`;
      throw diverged({
        problem: `loss of step ${step} is not finite; the largest weight${of} is here`,
        tensor,
        value: magnitude,
      });
    }
    for (const name of this.parameters.keys()) {
      const held = staying.get(name);
      if (held && Number.isFinite(held.sum)) continue;
      const numbers = held ? await this.#read(held.placed) : gradient(name);
      const index = firstNotFinite(numbers);
      if (index < 0) continue;
      const problem = `gradient of step ${step} is not finite in element ${index}`;
      throw diverged({ problem, tensor: name, value: numbers[index] });
    }
  }

  async #read(placed: Placed): Promise<Float32Array> {
    const [numbers] = await this.options.staying!.engine.read([placed]);
    return numbers as Float32Array;
  }

  #requireFiniteParameters(): void {
    for (const [name, values] of this.parameters) {
      const index = firstNotFinite(values);
      if (index < 0) continue;
      const problem = `element ${index} is not finite after ${this.optimizer.stepCount} steps`;
      throw diverged({ problem, tensor: name, value: values[index] });
    }
  }

  #largest = (): Promise<Suspect> => {
    let suspect: Suspect = { tensor: "", magnitude: -1 };
    for (const [tensor, values] of this.parameters) {
      let magnitude = firstNotFinite(values) < 0 ? 0 : Infinity;
      for (const each of values) magnitude = Math.max(magnitude, Math.abs(each) || 0);
      if (magnitude > suspect.magnitude) suspect = { tensor, magnitude };
    }
    return Promise.resolve(suspect);
  };
}

function diverged(fault: Omit<Fault, "expected">): DivergenceError {
  const expected =
    "numbers that stay within 32-bit floats; a lower learning rate may keep them there";
  return new DivergenceError({ ...fault, expected });
}
