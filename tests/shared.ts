/**
 * The material given beside the repository, which not every machine has: tests that need it say so in
 * their names and are reported as ignored where it is absent.
 */

import { fileURLToPath } from "node:url";

/** Folder `../shared`, seen from the root of the repository; `null` where there is none. */
export const sharedDirectory: string | null = find();

/**
 * Registers a test that needs `../shared`.
 *
 * @param run is given that folder.
 */
export function testWithShared(name: string, run: (shared: string) => Promise<void> | void): void {
  Deno.test({
    name: `${name} (needs ../shared)`,
    ignore: sharedDirectory === null,
    fn: () => run(sharedDirectory!),
  });
}

function find(): string | null {
  const directory = fileURLToPath(new URL("../../shared", import.meta.url));
  try {
    return Deno.statSync(directory).isDirectory ? directory : null;
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotCapable;
    if (isAbsent) return null;
    throw error;
  }
}
