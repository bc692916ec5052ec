/** How much of the machine's own memory an engine may take. */

/** Taken for given where the system may not be asked. */
const ASSUMED_BYTES = 8 * 2 ** 30;

/** A cap, and where it comes from. */
export interface HostMemory {
  readonly bytes: number;
  /** For provenance, where it is not half of what is free; else `null`. */
  readonly note: string | null;
}

/**
 * Two fifths of what the process may hold, where that was asked for: the rest is for what runs form and use up, which
 * at 7B is a decoder layer as floats and the attention of a window several times, and for the program. Else half of
 * what is free; else, where the permission to ask the system is missing, a number that is taken for given.
 */
export function hostMemory(asked?: number): HostMemory {
  if (asked !== undefined) return { bytes: 0.4 * asked, note: `${inGigabytes(asked)} asked for` };
  const permission = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  if (permission.state === "granted") {
    return { bytes: Deno.systemMemoryInfo().available / 2, note: null };
  }
  const note = `${
    inGigabytes(ASSUMED_BYTES)
  } assumed, as --allow-sys=systemMemoryInfo is not given`;
  return { bytes: ASSUMED_BYTES, note };
}

function inGigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toPrecision(3))} GB`;
}
