/**
 * Tenants that come into memory when they are asked for, and go when others need their place: the one that was asked
 * for longest ago first, never one with a running sequence, never one that is pinned. Not here: what a tenant is made
 * of (`TenantHost`), names and files of a folder (`tenant_folder.ts`).
 */

import type { Delta } from "../delta/delta.ts";
import type { TenantHost } from "../model/serving/batch_model.ts";
import { OptionError, ServingError } from "../util/errors.ts";
import { Turns } from "../util/turns.ts";
import { unknownTenant } from "./refusals.ts";
import { fresh, loadError, type Resident, standing } from "./resident.ts";
import type {
  TenantDirectory,
  TenantHold,
  TenantSource,
  TenantStanding,
} from "./tenant_directory.ts";

/** How much may be in memory. */
export interface ResidencyOptions {
  /** Bytes of all loaded tenants; default: no limit. */
  readonly mostBytes?: number;
  /** Loaded tenants; default: no limit. */
  readonly mostTenants?: number;
}

/**
 * The tenants of a host. Those that it has already are known, and stay until they are removed.
 *
 * @example
 * ```ts
 * import { Residency, type TenantHost } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // In a host's place: one that counts.
 * const tenants = new Map<string, number>();
 * const host = {
 *   tenants,
 *   bytesOf: () => 10,
 *   load: async (name: string) => void tenants.set(name, 10),
 *   unload: (name: string) => void tenants.delete(name),
 * } as unknown as TenantHost;
 *
 * const residency = new Residency(host, { mostTenants: 1 });
 * for (const name of ["health", "code"]) {
 *   residency.add(name, { open: () => Promise.resolve({ [Symbol.dispose]() {} } as never) });
 * }
 * (await residency.load("health")).release();
 * (await residency.load("code")).release();
 * assert.deepEqual(residency.tenants().map(({ state }) => state), ["on disk", "loaded"]);
 * ```
 */
export class Residency implements TenantDirectory {
  readonly #host: TenantHost;
  readonly #mostBytes: number;
  readonly #mostTenants: number;
  readonly #residents = new Map<string, Resident>();
  readonly #listeners = new Set<() => void>();
  /** Readings, one after another. */
  readonly #turns = new Turns();
  /** Who gives way to the load that waits for room: nothing more of it begins. */
  #victim: Resident | null = null;
  #freed = Promise.withResolvers<void>();
  #uses = 0;

  /**
   * Of a host that nobody else loads tenants into.
   *
   * @throws {OptionError} if a limit is none.
   */
  constructor(host: TenantHost, options: ResidencyOptions = {}) {
    this.#host = host;
    for (const [option, value] of Object.entries(options)) {
      if (value === undefined || value > 0) continue;
      const expected = "a number above 0";
      throw new OptionError({ problem: "is no limit of memory", option, value, expected });
    }
    this.#mostBytes = options.mostBytes ?? Infinity;
    this.#mostTenants = options.mostTenants ?? Infinity;
    for (const [name, bytes] of host.tenants) {
      this.#residents.set(name, { ...fresh(name, null), isLoaded: true, bytes });
    }
  }

  tenants(): TenantStanding[] {
    return [...this.#residents.values()].map(standing);
  }

  tenant(name: string): TenantStanding | null {
    const resident = this.#residents.get(name);
    return resident === undefined ? null : standing(resident);
  }

  add(name: string, source: TenantSource): void {
    if (this.#residents.has(name)) {
      const expected = "a name that no tenant has";
      throw new ServingError({ problem: "the name is taken", value: name, expected });
    }
    this.#residents.set(name, fresh(name, source));
    this.#changed();
  }

  hold(name: string): TenantHold | null {
    const resident = this.#residents.get(name);
    if (resident === undefined || !resident.isLoaded) return null;
    if (resident.leaving !== null || resident === this.#victim) return null;
    return this.#held(resident);
  }

  async load(name: string): Promise<TenantHold> {
    const resident = this.#known(name);
    const hold = this.hold(name);
    if (hold !== null) return hold;
    const waiter = Promise.withResolvers<TenantHold>();
    if (resident.waiters !== null) resident.waiters.push(waiter);
    else {
      resident.waiters = [waiter];
      this.#changed();
      this.#bring(resident);
    }
    return await waiter.promise;
  }

  pin(name: string, pinned: boolean): void {
    this.#known(name).isPinned = pinned;
    this.#free();
  }

  async remove(name: string): Promise<void> {
    const resident = this.#known(name);
    const leaving = resident.leaving = Promise.withResolvers<void>();
    resident.loading.abort(unknownTenant(name));
    for (const waiter of resident.waiters?.splice(0) ?? []) waiter.reject(unknownTenant(name));
    this.#changed();
    this.#leave(resident);
    // It may be what waits for room.
    this.#free();
    await leaving.promise;
  }

  onChange(changed: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(changed);
    signal.addEventListener("abort", () => this.#listeners.delete(changed));
  }

  /** @throws {UnknownTenantError} */
  #known(name: string): Resident {
    const resident = this.#residents.get(name);
    if (resident === undefined || resident.leaving !== null) throw unknownTenant(name);
    return resident;
  }

  #held(resident: Resident): TenantHold {
    resident.holds++;
    resident.lastUse = ++this.#uses;
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        if (--resident.holds > 0) return;
        this.#leave(resident);
        this.#free();
      },
    };
  }

  /** Loads a tenant and tells those who wait. */
  async #bring(resident: Resident): Promise<void> {
    let failure: Error | null = null;
    try {
      // A slow source keeps no other waiting.
      const { signal } = resident.loading;
      using delta = await resident.source!.open({ signal });
      await this.#turns.take(() => this.#read(resident, delta, signal));
    } catch (cause) {
      failure = resident.failure = loadError(resident.name, cause);
    }
    const waiters = resident.waiters!;
    resident.waiters = null;
    // Each holds it before anyone else can take its place.
    for (const waiter of waiters) {
      if (failure === null) waiter.resolve(this.#held(resident));
      else waiter.reject(failure);
    }
    this.#leave(resident);
    this.#changed();
  }

  async #read(resident: Resident, delta: Delta, signal: AbortSignal): Promise<void> {
    // It gave way to another that had no room after all, and is still there.
    if (resident.isLoaded || resident.leaving !== null) return;
    await this.#makeRoom(resident, this.#host.bytesOf(delta));
    if (resident.leaving !== null) return;
    await this.#host.load(resident.name, delta, { signal });
    resident.isLoaded = true;
    resident.bytes = this.#host.tenants.get(resident.name) ?? null;
    resident.failure = null;
  }

  /**
   * Makes room for a tenant. Where all have running sequences, the one that was asked for longest ago gives way:
   * nothing more of it begins, until it has gone and is loaded again.
   *
   * @throws {ServingError} if what has to stay leaves no such room.
   */
  async #makeRoom(resident: Resident, bytes: number): Promise<void> {
    try {
      while (resident.leaving === null && !this.#fits(bytes, this.#loaded())) {
        const staying = this.#loaded().filter((each) => each.isPinned || each.source === null);
        if (!this.#fits(bytes, staying.filter(({ leaving }) => leaving === null))) {
          throw new ServingError({
            problem: "there is no room beside the tenants that are to stay",
            value: `${bytes} bytes`,
            expected: `${this.#mostBytes} bytes and ${this.#mostTenants} tenants at most`,
          });
        }
        const oldest = this.#loaded()
          .filter((each) => !staying.includes(each) && each.leaving === null)
          .sort((one, other) => one.lastUse - other.lastUse);
        const idle = oldest.find(({ holds }) => holds === 0);
        if (idle !== undefined) this.#evict(idle);
        else {
          this.#victim = oldest[0] ?? null;
          await this.#freed.promise;
        }
      }
    } finally {
      this.#victim = null;
    }
  }

  #loaded(): Resident[] {
    return [...this.#residents.values()].filter(({ isLoaded }) => isLoaded);
  }

  #fits(bytes: number, beside: readonly Resident[]): boolean {
    const used = beside.reduce((sum, each) => sum + each.bytes!, 0);
    return used + bytes <= this.#mostBytes && beside.length < this.#mostTenants;
  }

  #evict(resident: Resident): void {
    this.#host.unload(resident.name);
    resident.isLoaded = false;
    this.#changed();
  }

  /** Forgets a tenant that is to leave, once nothing of it runs or is being loaded. */
  #leave(resident: Resident): void {
    if (resident.leaving === null || resident.holds > 0 || resident.waiters !== null) return;
    if (this.#residents.get(resident.name) !== resident) return;
    if (resident.isLoaded) this.#evict(resident);
    this.#residents.delete(resident.name);
    resident.leaving.resolve();
    this.#free();
    this.#changed();
  }

  /** Tells the load that waits for room that there may be some. */
  #free(): void {
    this.#freed.resolve();
    this.#freed = Promise.withResolvers();
  }

  #changed(): void {
    for (const changed of [...this.#listeners]) changed();
  }
}
