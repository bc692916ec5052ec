/** What a scheduler has done since it began, by tenant. */

import type { Admission } from "./admission.ts";
import type { SchedulerStatistics, TenantStatistics } from "./request.ts";

/** Tokens that were run. */
export class Tally {
  readonly #tenants = new Map<string | null, { promptTokens: number; tokens: number }>();

  /** Tokens of a prompt were run. */
  prompt(tenant: string | null, tokens: number): void {
    this.#of(tenant).promptTokens += tokens;
  }

  /** A token of an answer was made. */
  token(tenant: string | null): void {
    this.#of(tenant).tokens++;
  }

  /** All of it, with those that are there now. */
  statistics(admission: Admission, roomUsed: number): SchedulerStatistics {
    for (const { tenant } of admission.all()) this.#of(tenant);
    const tenants = new Map<string | null, TenantStatistics>();
    let [promptTokens, tokens] = [0, 0];
    for (const [tenant, done] of this.#tenants) {
      const running = admission.countRunning(tenant);
      tenants.set(tenant, { waiting: admission.count(tenant) - running, running, ...done });
      promptTokens += done.promptTokens;
      tokens += done.tokens;
    }
    return {
      ...{ waiting: admission.idle, running: admission.running.size, promptTokens, tokens },
      ...{ preemptions: admission.preemptions, roomUsed, tenants },
    };
  }

  #of(tenant: string | null) {
    const done = this.#tenants.get(tenant) ?? { promptTokens: 0, tokens: 0 };
    this.#tenants.set(tenant, done);
    return done;
  }
}
