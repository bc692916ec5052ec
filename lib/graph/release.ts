/** Frees compiled graphs that are kept as promises. */

/** Releases what was compiled; what failed to compile holds nothing and has told its user so. */
export async function releaseAll(
  compiled: Iterable<Promise<{ release(): Promise<void> }>>,
): Promise<void> {
  for (const each of await Promise.allSettled(compiled)) {
    if (each.status === "fulfilled") await each.value.release();
  }
}
