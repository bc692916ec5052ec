/**
 * Whose turn it is: the tenant that was served least, by tokens. A virtual token counter (Sheng et al. 2024,
 * "Fairness in Serving Large Language Models"): a tenant that comes back starts where the least served of those
 * that are there stands, so that being away earns nothing. Not here: what is run (`scheduler.ts`).
 */

/** What a token of a prompt counts, and one of an answer, as in the paper. */
export const COST = { prompt: 1, answer: 2 };

/**
 * What a tenant may be behind another at most: one that asked for little while it was there does not keep others
 * waiting for long once it asks for much.
 */
const MOST_BEHIND = 1024;

/** Tokens served, by tenant. */
export class FairShare {
  /** Of those that are there, and of those that left ahead of all others. */
  readonly #served = new Map<string | null, number>();
  readonly #present = new Set<string | null>();

  /** What a tenant was served; comparable while it is there. */
  served(tenant: string | null): number {
    return this.#served.get(tenant) ?? 0;
  }

  /** A tenant has something to be served. */
  enter(tenant: string | null): void {
    if (this.#present.has(tenant)) return;
    const least = this.#least();
    this.#served.set(tenant, Math.max(this.served(tenant), least));
    for (const [other, served] of this.#served) {
      if (!this.#present.has(other) && served <= least && other !== tenant) {
        this.#served.delete(other);
      }
    }
    this.#present.add(tenant);
  }

  /** It has nothing more. */
  leave(tenant: string | null): void {
    this.#present.delete(tenant);
    if (this.#present.size === 0) this.#served.clear();
  }

  /** It was served. */
  charge(tenant: string | null, cost: number): void {
    const served = this.served(tenant) + cost;
    this.#served.set(tenant, served);
    for (const other of this.#present) {
      if (this.served(other) < served - MOST_BEHIND) this.#served.set(other, served - MOST_BEHIND);
    }
  }

  #least(): number {
    if (this.#present.size === 0) return 0;
    return Math.min(...this.#present.values().map((tenant) => this.served(tenant)));
  }
}
