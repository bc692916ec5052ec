/**
 * What runs sequences of many fine-tunes of one base: what generation and a server's scheduler know of a model.
 * Not here: how (`tenant_model.ts`), which token comes next (`sampling.ts`), and whose turn it is (`server/`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Delta } from "../../delta/delta.ts";
import type { Watch } from "../../util/progress.ts";

/** A text in the making: the tenant that it is of, and the keys and values of its tokens so far. */
export interface Sequence {
  /** The tenant's name; `null` for the base as it is. */
  readonly tenant: string | null;
  /** Tokens whose keys and values are kept: those given to `prefill` and `decode` so far. */
  readonly length: number;
  /** Gives the room of its keys and values back; the second time it does nothing. */
  release(): void;
}

/** One sequence and the token that it goes on with. */
export interface NextToken {
  /** The sequence. */
  readonly sequence: Sequence;
  /** The id of its last token, which has not been run yet. */
  readonly token: number;
}

/**
 * A base and tenants on it. What one sequence gives does not depend on what others run beside it: the numbers of a
 * row are the same, to the bit, in any batch of `decode`, and prompts are cut where their own positions say.
 */
export interface BatchModel {
  /** The base's architecture. */
  readonly config: DecoderConfig;
  /** Tokens that a sequence may have at most. */
  readonly longest: number;
  /** Tokens of a prompt that one call of `prefill` runs: cuts lie at its multiples. */
  readonly chunk: number;
  /** Sequences that one call of `decode` takes at most. */
  readonly mostRows: number;
  /** Tokens of which keys and values have room for new sequences, in whole pages. */
  readonly freeTokens: number;

  /**
   * A new sequence of a tenant that is loaded, without tokens; room for the keys and values of so many is its own
   * from then on.
   *
   * @param prompt tokens of its prompt, if that is run piece by piece: positions of type `dynamic` are rotated by the
   * length of all of it from the first on. Default: by where each piece ends.
   * @throws {ServingError} if there is no such tenant, or no such room.
   */
  start(tenant: string | null, tokens: number, prompt?: number): Sequence;

  /**
   * Runs the next tokens of a prompt: from where the sequence is, at most up to the next multiple of `chunk`.
   *
   * @param isLast whether the prompt ends with them: nobody needs logits before that. Default: yes.
   * @returns logits after the last of them, `[vocabulary]` of the sequence's tenant; empty if the prompt goes on.
   * @throws {ServingError} if they are none, reach beyond that multiple, or are more than the sequence has room for.
   */
  prefill(sequence: Sequence, tokens: Int32Array, isLast?: boolean): Promise<Float32Array>;

  /**
   * One more token of each of several sequences of any tenants, together.
   *
   * @returns logits `[vocabulary]` after each, in the order of `next`.
   * @throws {ServingError} if they are none, too many, or one is more than its sequence has room for.
   */
  decode(next: readonly NextToken[]): Promise<Float32Array[]>;
}

/** Tenants that come and go while others run. */
export interface TenantHost extends BatchModel, AsyncDisposable {
  /** Bytes that each loaded tenant takes where the engine computes, by its name. */
  readonly tenants: ReadonlyMap<string, number>;
  /** Bytes that a delta would take, before it is loaded. */
  bytesOf(delta: Delta): number;
  /**
   * Loads a tenant, between runs of others.
   *
   * @throws {ServingError} if the name is taken, or the delta differs from its base in what sequences share: its own
   * width of attention's window, ε of norms, and the like.
   * @throws {DeltaError} if the delta does not fit the base, or cannot be read; nothing is left of it then.
   */
  load(name: string, delta: Delta, watch?: Watch): Promise<void>;
  /**
   * Frees what a tenant has.
   *
   * @throws {ServingError} if sequences of it have not been released, or there is none of the name.
   */
  unload(name: string): void;
}
