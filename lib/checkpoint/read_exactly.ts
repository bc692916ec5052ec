/** Reading stretches of a file that is open, as it is opened: headers and directories. Not here: tensors. */

import { fileFault } from "../util/file_fault.ts";
import { checkRegularFile, type ErrorClass } from "../util/regular_file.ts";

/**
 * Opens a file, if it is one.
 *
 * @param Kind class of the error.
 * @param expected what the file should be.
 * @throws an error of class `Kind` if it is missing, no file, or cannot be opened.
 */
export async function openForReading(
  path: string,
  Kind: ErrorClass,
  expected: string,
): Promise<Deno.FsFile> {
  await checkRegularFile(path, Kind, expected);
  return await Deno.open(path).catch((error) => {
    throw new Kind({ problem: "cannot be opened", file: path, ...fileFault(error, expected) });
  });
}

/**
 * Reads `length` bytes from `position` on.
 *
 * @param path of the file, for errors.
 * @throws an error of class `Kind` if the file cannot be read, or ends before.
 */
export async function readExactly(
  file: Deno.FsFile,
  position: number,
  length: number,
  path: string,
  Kind: ErrorClass,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  try {
    await file.seek(position, Deno.SeekMode.Start);
    while (filled < length) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) throw new Error(`it ends ${length - filled} bytes early`);
      filled += count;
    }
    return bytes;
  } catch (cause) {
    throw new Kind({
      problem: "cannot be read to its end",
      file: path,
      ...fileFault(cause as Error, "a file that stays as it was when it was opened"),
    });
  }
}
