/** Which token comes next. Not here: the settings of the choice (`sampling_settings.ts`). */

/** One token and how likely it was. */
export interface TokenLogprob {
  /** Its id. */
  readonly token: number;
  /** Natural logarithm of its probability by the model's own logits, before penalties and temperature. */
  readonly logprob: number;
}

/** A token that was chosen. */
export interface SampledToken {
  /** Its id. */
  readonly token: number;
  /** As in {@linkcode TokenLogprob}; `null`: nobody asked. */
  readonly logprob: number | null;
  /** The likeliest tokens, the likeliest first; of equals the lowest id. */
  readonly top: readonly TokenLogprob[];
}
