/** One tenant, as a residency keeps it. */

import { TenantLoadError } from "./refusals.ts";
import type { TenantHold, TenantSource, TenantStanding } from "./tenant_directory.ts";

/** One tenant. */
export interface Resident {
  readonly name: string;
  /** `null`: the host had it before, and it cannot be loaded again. */
  readonly source: TenantSource | null;
  isLoaded: boolean;
  bytes: number | null;
  isPinned: boolean;
  holds: number;
  /** When it was last asked for, as a count of such times. */
  lastUse: number;
  failure: Error | null;
  /** Those who wait for it to be loaded; `null`: it is not being loaded. */
  waiters: PromiseWithResolvers<TenantHold>[] | null;
  /** Ends its loading, when it is to be gone. */
  readonly loading: AbortController;
  /** Who waits for it to be gone; `null`: it stays. */
  leaving: PromiseWithResolvers<void> | null;
}

/** One that nobody has asked for. */
export function fresh(name: string, source: TenantSource | null): Resident {
  return {
    ...{ name, source, isLoaded: false, bytes: null, isPinned: false, holds: 0, lastUse: 0 },
    ...{ failure: null, waiters: null, loading: new AbortController(), leaving: null },
  };
}

/** What others see of it. */
export function standing(resident: Resident): TenantStanding {
  const { name, bytes, isPinned, holds, failure } = resident;
  const state = resident.leaving !== null
    ? "leaving"
    : resident.isLoaded
    ? "loaded"
    : resident.waiters !== null
    ? "loading"
    : "on disk";
  return { name, state, bytes, pinned: isPinned, running: holds, failure };
}

/** That it could not be loaded, and why. */
export function loadError(name: string, cause: unknown): TenantLoadError {
  return new TenantLoadError({
    problem: `tenant '${name}' cannot be loaded`,
    value: cause instanceof Error ? cause.message : cause,
    expected: "a delta of this base, and room for it",
    cause,
  });
}
