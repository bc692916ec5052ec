/**
 * Who gets room on the model: requests wait in queues by tenant, the tenant with least running comes first, and for
 * one with nothing running, where others have all the room, the youngest request of the tenant with most is put back. What was put back begins
 * again and its answer goes on where it was: its prompt is run as before, its tokens one by one as before, so that its
 * numbers are the same to the bit. Not here: turns of those that run (`scheduler.ts`).
 */

import type { BatchModel, Sequence } from "../model/serving/batch_model.ts";
import { ServingError } from "../util/errors.ts";
import type { ActiveRequest } from "./active_request.ts";
import type { Clock } from "./clock.ts";
import type { FairShare } from "./fair_share.ts";
import type { Pace } from "./pace.ts";
import { QueueFullError } from "./refusals.ts";
import type { TenantDirectory, TenantHold } from "./tenant_directory.ts";
import { WaitingRequests } from "./waiting_requests.ts";

/** Milliseconds after which room is looked for again that others have. */
const AGAIN = 50;

/** What admission goes by. */
export interface AdmissionOptions {
  readonly model: BatchModel;
  readonly tenants: TenantDirectory | null;
  readonly share: FairShare;
  readonly clock: Clock;
  /** Requests that wait at most. */
  readonly mostWaiting: number;
  /** Sequences that run at most. */
  readonly mostRunning: number;
  /** Ends a request that cannot begin. */
  readonly failed: (request: ActiveRequest, error: unknown) => void;
  /** A tenant has come: there may be someone to admit. */
  readonly wake: () => void;
}

/** All requests that are not over. */
export class Admission {
  /** Those that wait for room. */
  readonly waiting = new WaitingRequests();
  /** Those that have a sequence. */
  readonly running = new Set<ActiveRequest>();
  /** How often one was put back. */
  preemptions = 0;
  /** Put back because nobody reads them; they wait when somebody does. */
  readonly #parked = new Set<ActiveRequest>();
  readonly #options: AdmissionOptions;
  readonly #allTokens: number;
  /** Tenants that are in memory for their first waiting request. */
  readonly #ready = new Map<string, TenantHold>();
  readonly #loading = new Set<string>();
  /** Whether something has changed since nobody more could begin. */
  #isOpen = true;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#allTokens = options.model.freeTokens;
  }

  /** How many there are; of a tenant. */
  count(tenant: string | null): number {
    return this.waiting.count(tenant) + this.countRunning(tenant) +
      this.#parked.values().filter((request) => request.tenant === tenant).reduce((n) => n + 1, 0);
  }

  /** How many of a tenant have a sequence. */
  countRunning(tenant: string | null): number {
    let count = 0;
    for (const request of this.running) if (request.tenant === tenant) count++;
    return count;
  }

  /** All of them. */
  all(): ActiveRequest[] {
    return [...this.running, ...this.waiting.all(), ...this.#parked];
  }

  /** How many do not run. */
  get idle(): number {
    return this.waiting.size + this.#parked.size;
  }

  /**
   * Makes a place in the queue for one more of a tenant. If there is none, it is taken from whoever has most of them,
   * if that leaves it no fewer than the other has then.
   *
   * @returns who has lost its place, and is to be told why.
   * @throws {QueueFullError} if nobody has.
   */
  makePlace(tenant: string | null, pace: Pace): { request: ActiveRequest; error: Error } | null {
    const { mostWaiting, mostRunning, clock } = this.#options;
    // Those that begin with the next turn take no place from those that come after.
    if (this.waiting.size < mostWaiting + mostRunning - this.running.size) return null;
    const fault = {
      problem: "too many requests wait",
      value: this.waiting.size,
      expected: `${mostWaiting} at most; try again later`,
    };
    // By Little's law the time that those take that run now.
    const seconds = pace.secondsFor(Math.max(1, this.running.size), clock.now());
    const error = new QueueFullError(fault, seconds);
    const request = this.waiting.ofLongest(this.waiting.count(tenant) + 1);
    if (request === null) throw error;
    return { request, error };
  }

  /** One more waits. */
  add(request: ActiveRequest): void {
    this.#parked.delete(request);
    this.waiting.add(request);
    this.open();
  }

  /** One is over. What it has is free at once, or when the step is over that runs it. */
  remove(request: ActiveRequest): void {
    this.#parked.delete(request);
    this.waiting.remove(request);
    this.running.delete(request);
    if (!request.isBusy) request.letGo();
    if (request.tenant !== null && this.waiting.count(request.tenant) === 0) {
      this.#ready.get(request.tenant)?.release();
      this.#ready.delete(request.tenant);
    }
    this.open();
  }

  /** Somebody reads a request again. */
  resume(request: ActiveRequest): void {
    if (this.#parked.has(request)) this.add(request);
  }

  /** Something has changed: room, a tenant, a reader. */
  open(): void {
    this.#isOpen = true;
  }

  /** Begins whatever has room. No step is being run. */
  admit(): void {
    const absent = new Set<string | null>();
    while (this.#isOpen) {
      const tenant = this.#next(absent);
      if (tenant === undefined) return;
      if (!this.#isReady(tenant)) {
        absent.add(tenant);
        continue;
      }
      const request = this.waiting.first(tenant);
      try {
        const sequence = this.#room(request);
        if (sequence === null) this.#close();
        else this.#begin(request, sequence);
      } catch (error) {
        this.#options.failed(request, error);
      }
    }
  }

  /** Waits for room. */
  #close(): void {
    this.#isOpen = false;
    if (this.running.size > 0) return;
    // Others than those that it knows have it, and will not say when they give it back.
    this.#options.clock.after(AGAIN, () => {
      this.open();
      this.#options.wake();
    });
  }

  /** The tenant whose first request comes next. */
  #next(absent: ReadonlySet<string | null>): string | null | undefined {
    const { share } = this.#options;
    let next: { tenant: string | null; rank: number[] } | undefined;
    for (const tenant of this.waiting.tenants()) {
      if (absent.has(tenant)) continue;
      const { arrived } = this.waiting.first(tenant);
      const rank = [this.countRunning(tenant), share.served(tenant), arrived];
      if (next === undefined || precedes(rank, next.rank)) next = { tenant, rank };
    }
    return next?.tenant;
  }

  /** Whether a tenant is in memory; if it is not, it is loaded. */
  #isReady(tenant: string | null): boolean {
    if (tenant === null || this.#ready.has(tenant)) return true;
    const hold = this.#options.tenants!.hold(tenant);
    if (hold !== null) this.#ready.set(tenant, hold);
    else if (!this.#loading.has(tenant)) this.#load(tenant);
    return hold !== null;
  }

  #load(tenant: string): void {
    this.#loading.add(tenant);
    this.#options.tenants!.load(tenant).then((hold) => {
      if (this.waiting.count(tenant) === 0 || this.#ready.has(tenant)) hold.release();
      else this.#ready.set(tenant, hold);
    }, (error) => {
      for (const request of this.waiting.all(tenant)) this.#options.failed(request, error);
    }).then(() => {
      this.#loading.delete(tenant);
      this.open();
      this.#options.wake();
    });
  }

  /** Room for a request; `null`: others have it. */
  #room(request: ActiveRequest): Sequence | null {
    const { model, mostRunning } = this.#options;
    while (true) {
      if (this.running.size < mostRunning) {
        try {
          return model.start(request.tenant, request.mostTokens, request.promptTokens);
        } catch (error) {
          // With all room free there is no more to come.
          const isAll = model.freeTokens >= this.#allTokens;
          if (!(error instanceof ServingError) || isAll) throw error;
        }
      }
      const victim = this.#victim(request.tenant);
      if (victim === undefined) return null;
      this.#putBack(victim);
    }
  }

  #begin(request: ActiveRequest, sequence: Sequence): void {
    const { tenant } = request;
    this.waiting.remove(request);
    this.running.add(request);
    const hold = tenant === null ? null : this.#ready.get(tenant)!;
    if (tenant !== null) this.#ready.delete(tenant);
    request.begin(sequence, hold, this.#options.clock.now());
  }

  /** Who makes room for a tenant: one that nobody reads, or if it has nothing running the youngest of the richest. */
  #victim(tenant: string | null): ActiveRequest | undefined {
    const youngest = (requests: ActiveRequest[]) =>
      requests.toSorted((one, other) => one.arrived - other.arrived).at(-1);
    const running = [...this.running];
    const unread = youngest(running.filter(({ patience }) => patience !== null));
    if (unread !== undefined || this.countRunning(tenant) > 0) return unread;
    let [richest, most]: [string | null, number] = [null, 1];
    for (const other of new Set(running.map((request) => request.tenant))) {
      const count = this.countRunning(other);
      if (count > most) [richest, most] = [other, count];
    }
    return most < 2 ? undefined : youngest(running.filter((each) => each.tenant === richest));
  }

  #putBack(request: ActiveRequest): void {
    this.running.delete(request);
    request.letGo();
    this.preemptions++;
    if (request.patience === null) this.waiting.add(request);
    else this.#parked.add(request);
  }
}

function precedes(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && one[at] < other[at];
}
