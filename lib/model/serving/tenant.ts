/** One tenant on a base as a batch has it: where its numbers lie, and how they are freed. */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Placed } from "../../graph/engine.ts";
import type { Families } from "./tenant_family.ts";
import type { VectorTable } from "./tenant_vectors.ts";

/** A table of a row for each token: of embeddings, or a head's. */
export class TokenTable {
  /**
   * A table that is placed.
   *
   * @param placed `[vocabulary, hidden]`
   */
  constructor(readonly placed: Placed, readonly vocabulary: number) {}

  /** Frees it. */
  remove(): void {
    this.placed.release();
  }
}

/** What tenants have of one decoder layer, or of the norm before the head. */
export interface TenantLayer {
  /** By the name in layer 0. */
  readonly families: Map<string, Families>;
  /** By the name in layer 0. */
  readonly vectors: Map<string, VectorTable>;
}

/** What has something of tenants. */
export interface Holder {
  /** Frees what a tenant has there. */
  remove(tenant: object): void;
}

/** A tenant. */
export class Tenant {
  /** Bytes that it takes where the engine computes. */
  byteLength = 0;
  /** Its embedding; `null`: the base's. */
  embedding: TokenTable | null = null;
  /** Its head; `null`: the base's. */
  head: TokenTable | null = null;
  /** No closures: one would keep in memory what was read for it. */
  readonly #holders: Holder[] = [];

  /** @param config the fine-tune's. */
  constructor(readonly name: string, readonly config: DecoderConfig) {}

  /** Counts what it has from now on, and where. */
  own(bytes: number, holder: Holder): void {
    this.byteLength += bytes;
    this.#holders.push(holder);
  }

  /** Frees all that it has; the second time nothing. */
  release(): void {
    this.#holders.splice(0).forEach((each) => each.remove(this));
  }
}
