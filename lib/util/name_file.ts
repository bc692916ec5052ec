/**
 * Errors that are thrown deep down, where only content is known, told with the file that it came from.
 */

import type { Fault, InputError } from "./errors.ts";

/**
 * Runs `action`; an error of the class `kind` that names no file is thrown anew with `file` as its place.
 *
 * @throws what `action` throws.
 */
export async function nameFile<T>(
  file: string,
  kind: new (fault: Fault) => InputError,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof kind) || error.fault.file !== undefined) throw error;
    throw new kind({ ...error.fault, file });
  }
}
