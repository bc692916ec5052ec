/**
 * Tenants by name, in memory or not: what a scheduler and an API know of them. Not here: how they come and go
 * (`residency.ts`).
 */

import type { Delta } from "../delta/delta.ts";
import type { Watch } from "../util/progress.ts";

/** Where a tenant's delta is. */
export interface TenantSource {
  /**
   * Opens it; it is disposed of when it was loaded.
   *
   * @throws what tells why it cannot be read.
   */
  open(watch: Watch): Promise<Delta & Disposable>;
}

/** What a tenant is doing. */
export type TenantState =
  /** Known by name; the next request loads it. */
  | "on disk"
  /** Waits for room, or is being read. */
  | "loading"
  /** In memory. */
  | "loaded"
  /** Deleted; what runs of it comes to its end, and nothing more. */
  | "leaving";

/** A tenant, for an API to show. */
export interface TenantStanding {
  /** Its name. */
  readonly name: string;
  /** What it is doing. */
  readonly state: TenantState;
  /** Bytes where the engine computes; of one that was never loaded `null`. */
  readonly bytes: number | null;
  /** Whether it stays in memory. */
  readonly pinned: boolean;
  /** Sequences of it that run. */
  readonly running: number;
  /** Why it could not be loaded the last time; `null`: it could, or nobody tried. */
  readonly failure: Error | null;
}

/** That a tenant stays in memory until it is let go. */
export interface TenantHold {
  /** Lets it go; the second time it does nothing. */
  release(): void;
}

/** Tenants by name. */
export interface TenantDirectory {
  /** All tenants, in the order in which they were added. */
  tenants(): TenantStanding[];
  /** One of them; `null`: there is none of the name. */
  tenant(name: string): TenantStanding | null;
  /**
   * Makes a tenant known; nothing is read yet.
   *
   * @throws {ServingError} if the name is taken.
   */
  add(name: string, source: TenantSource): void;
  /**
   * Brings a tenant into memory, others giving way, while everything else goes on. Loads of one name are one; one
   * that fails is tried again when it is next asked for.
   *
   * @returns what keeps it there.
   * @throws {UnknownTenantError} if there is none of the name, or it is deleted meanwhile.
   * @throws {TenantLoadError} with its cause, if it cannot be loaded.
   */
  load(name: string): Promise<TenantHold>;
  /** Keeps a tenant in memory that is there; `null`: it is not, or is about to go. */
  hold(name: string): TenantHold | null;
  /**
   * Whether a tenant stays in memory, once it is there, however little it is asked for.
   *
   * @throws {UnknownTenantError} if there is none of the name.
   */
  pin(name: string, pinned: boolean): void;
  /**
   * Forgets a tenant. No request of it begins any more; those that run come to their end first.
   *
   * @returns when its memory is free.
   * @throws {UnknownTenantError} if there is none of the name.
   */
  remove(name: string): Promise<void>;
  /** Calls `changed` whenever a tenant comes, goes, or is deleted, until the signal says so. */
  onChange(changed: () => void, signal: AbortSignal): void;
}
