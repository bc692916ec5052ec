/** Requests that wait for room, in the order of each tenant's own. */

import type { ActiveRequest } from "./active_request.ts";

/** Queues by tenant; a tenant without any has none. */
export class WaitingRequests {
  readonly #queues = new Map<string | null, ActiveRequest[]>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Tenants that have some. */
  tenants(): (string | null)[] {
    return [...this.#queues.keys()];
  }

  /** All of them, or a tenant's. */
  all(): ActiveRequest[];
  all(tenant: string | null): ActiveRequest[];
  all(tenant?: string | null): ActiveRequest[] {
    return tenant === undefined
      ? [...this.#queues.values()].flat()
      : [...this.#queues.get(tenant) ?? []];
  }

  /** How many a tenant has. */
  count(tenant: string | null): number {
    return this.#queues.get(tenant)?.length ?? 0;
  }

  /** A tenant's first one; it has some. */
  first(tenant: string | null): ActiveRequest {
    return this.#queues.get(tenant)![0];
  }

  /** Adds one at the end, or where those put back belong: before all that came later. */
  add(request: ActiveRequest): void {
    const queue = this.#queues.get(request.tenant) ?? [];
    const at = queue.findLastIndex(({ arrived }) => arrived <= request.arrived) + 1;
    queue.splice(at, 0, request);
    this.#queues.set(request.tenant, queue);
    this.#size++;
  }

  /** Takes one out; `false`: it was not there. */
  remove(request: ActiveRequest): boolean {
    const queue = this.#queues.get(request.tenant) ?? [];
    const at = queue.indexOf(request);
    if (at < 0) return false;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(request.tenant);
    this.#size--;
    return true;
  }

  /** Of the tenant with most of them, if these are more than so many, the last that has not begun yet. */
  ofLongest(than: number): ActiveRequest | null {
    let longest: ActiveRequest[] = [];
    for (const queue of this.#queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= than) return null;
    return longest.findLast(({ started }) => started === null) ?? null;
  }
}
