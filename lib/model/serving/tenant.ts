/** One tenant on a base as a batch has it: where its numbers lie, and how they are freed. */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Placed } from "../../graph/engine.ts";
import type { Family } from "./tenant_family.ts";
import type { VectorTable } from "./tenant_vectors.ts";

/** A table of a row for each token: of embeddings, or a head's. */
export interface TokenTable {
  /** `[vocabulary, hidden]` */
  readonly placed: Placed;
  /** Its rows. */
  readonly vocabulary: number;
}

/** What tenants have of one decoder layer, or of the norm before the head. */
export interface TenantLayer {
  /** By the name in layer 0: families of different plans, and of one plan those that are full. */
  readonly families: Map<string, Family[]>;
  /** By the name in layer 0. */
  readonly vectors: Map<string, VectorTable>;
}

/** A tenant. */
export class Tenant {
  /** Bytes that it takes where the engine computes. */
  byteLength = 0;
  /** Its embedding; `null`: the base's. */
  embedding: TokenTable | null = null;
  /** Its head; `null`: the base's. */
  head: TokenTable | null = null;
  readonly #owned: (() => void)[] = [];

  /** @param config the fine-tune's. */
  constructor(readonly name: string, readonly config: DecoderConfig) {}

  /** Counts what it has from now on, and keeps in mind how that is freed. */
  own(bytes: number, free: () => void): void {
    this.byteLength += bytes;
    this.#owned.push(free);
  }

  /** Frees all that it has; the second time nothing. */
  release(): void {
    this.#owned.splice(0).forEach((free) => free());
  }
}
