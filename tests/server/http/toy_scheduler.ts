/**
 * A scheduler and a directory of tenants without a model: each answer goes round its prompt, from where the tenant's
 * name says, a token a turn; turns can be held.
 */

import { loadDelta } from "../../../lib/delta/delta.ts";
import type {
  Answer,
  AnswerEvent,
  FinishReason,
  RequestTaker,
  SchedulerStatistics,
  ServingListener,
  ServingRequest,
} from "../../../lib/server/request.ts";
import {
  DrainingError,
  QueueFullError,
  TenantLoadError,
  UnknownTenantError,
} from "../../../lib/server/refusals.ts";
import type {
  TenantDirectory,
  TenantHold,
  TenantSource,
  TenantStanding,
  TenantState,
} from "../../../lib/server/tenant_directory.ts";

interface Tenant {
  source: TenantSource;
  state: TenantState;
  pinned: boolean;
  bytes: number | null;
}

/** Tenants that are opened when they are loaded, and kept nowhere. */
export class ToyDirectory implements TenantDirectory {
  readonly #tenants = new Map<string, Tenant>();
  readonly #listeners = new Set<() => void>();

  tenants(): TenantStanding[] {
    return [...this.#tenants.keys()].map((name) => this.tenant(name)!);
  }

  tenant(name: string): TenantStanding | null {
    const tenant = this.#tenants.get(name);
    if (!tenant) return null;
    const { state, bytes, pinned } = tenant;
    return { name, state, bytes, pinned, running: 0, failure: null };
  }

  add(name: string, source: TenantSource): void {
    this.#tenants.set(name, { source, state: "on disk", pinned: false, bytes: null });
    this.#changed();
  }

  async load(name: string): Promise<TenantHold> {
    const tenant = this.#get(name);
    const before = tenant.state;
    tenant.state = "loading";
    try {
      using delta = await tenant.source.open({});
      await loadDelta(delta);
    } catch (cause) {
      tenant.state = before;
      throw new TenantLoadError({ problem: "cannot be loaded", value: name, expected: "", cause });
    }
    tenant.state = "loaded";
    tenant.bytes = 1000;
    this.#changed();
    return { release: () => {} };
  }

  /** As if others had needed its room. */
  evict(name: string): void {
    this.#get(name).state = "on disk";
    this.#changed();
  }

  hold(): TenantHold | null {
    return null;
  }

  pin(name: string, pinned: boolean): void {
    this.#get(name).pinned = pinned;
  }

  // deno-lint-ignore require-await -- what is missing is a rejection
  async remove(name: string): Promise<void> {
    this.#get(name);
    this.#tenants.delete(name);
    this.#changed();
  }

  onChange(changed: () => void, signal: AbortSignal): void {
    this.#listeners.add(changed);
    signal.addEventListener("abort", () => this.#listeners.delete(changed));
  }

  #get(name: string): Tenant {
    const tenant = this.#tenants.get(name);
    if (tenant) return tenant;
    throw new UnknownTenantError({ problem: "is no tenant", value: name, expected: "one" });
  }

  #changed(): void {
    for (const each of this.#listeners) each();
  }
}

/** Answers at once, or a turn at a time. */
export class ToyTaker implements RequestTaker {
  /** Requests so far. */
  readonly submitted: ServingRequest[] = [];
  /** Answers that were left before their end. */
  left = 0;
  /** Requests that may run; beyond them the queue is full. */
  most = Infinity;
  /** Ends answers instead of a token. */
  endsBy: FinishReason | Error | null = null;
  /** What each turn waits for. */
  turn: () => Promise<void> = () => Promise.resolve();
  #running = 0;
  #idle = Promise.withResolvers<void>();
  #isDraining = false;

  constructor(readonly directory: TenantDirectory, readonly listener: ServingListener = {}) {}

  submit(request: ServingRequest): Answer {
    const fault = { problem: "is refused", expected: "another" };
    if (this.#isDraining) throw new DrainingError(fault);
    if (this.#running >= this.most) throw new QueueFullError(fault, 7);
    const { tenant } = request;
    if (tenant !== null && !this.directory.tenant(tenant)) throw new UnknownTenantError(fault);
    this.submitted.push(request);
    this.#running++;
    const answer = this.#answer(request);
    const end = answer.return.bind(answer);
    return Object.assign(answer, { return: () => end(undefined) });
  }

  statistics(): SchedulerStatistics {
    const counts = { promptTokens: 0, tokens: 0, preemptions: 0, roomUsed: 0.25, waiting: 0 };
    return { ...counts, running: this.#running, tenants: new Map() };
  }

  async drain(milliseconds = Infinity): Promise<void> {
    this.#isDraining = true;
    if (this.#running === 0) return;
    if (milliseconds === 0) this.endsBy = "deadline";
    await this.#idle.promise;
  }

  async *#answer(request: ServingRequest): AsyncGenerator<AnswerEvent, undefined> {
    const { tenant, prompt, sampling, decoder, mostTokens, signal } = request;
    const record = { tenant, promptTokens: prompt.length, arrived: 0, started: 0, firstToken: 0 };
    const tokens: number[] = [];
    let outcome: FinishReason | "cancelled" | "failed" = "cancelled";
    try {
      if (tenant !== null && this.directory.tenant(tenant)?.state === "on disk") {
        await this.directory.load(tenant);
      }
      while (tokens.length < mostTokens) {
        await this.turn();
        signal?.throwIfAborted();
        if (this.endsBy instanceof Error) throw this.endsBy;
        if (this.endsBy !== null) break;
        const token = toyToken(request, tokens.length);
        const before = decoder!.decode(tokens);
        tokens.push(token);
        const text = decoder!.decode(tokens).slice(before.length);
        const { logprobs } = sampling;
        const top = Array.from({ length: logprobs ?? 0 }, (_, place) => ({
          token: place === 0 ? token : 100 + place,
          logprob: -0.5 - place,
        }));
        if (tokens.length === 1) this.listener.firstToken?.(tenant, 5);
        else this.listener.nextToken?.(tenant, 2);
        yield { kind: "token", token, text, logprob: logprobs === null ? null : -0.5, top };
      }
      const reason = outcome = this.endsBy as FinishReason | null ?? "length";
      const whole = { ...record, tokens: tokens.length, ended: 20, outcome };
      yield { kind: "end", reason, stop: null, text: "", record: whole };
    } finally {
      if (outcome === "cancelled") this.left++;
      this.#running--;
      this.listener.ended?.({ ...record, tokens: tokens.length, ended: 20, outcome });
      if (this.#running === 0) this.#idle.resolve();
    }
  }
}

/** The token at a place of an answer. */
export function toyToken(
  { tenant, prompt, sampling: { seed } }: ServingRequest,
  at: number,
): number {
  return prompt[(at + (tenant?.length ?? 0) + seed) % prompt.length];
}
