/** Reading stretches of a file that is open, as it is opened: headers and directories. Not here: tensors. */

import { fileFault } from "../util/file_fault.ts";
import { checkRegularFile, type ErrorClass } from "../util/regular_file.ts";
import { isPointer, POINTER } from "./lfs_pointer.ts";

/**
 * Opens a file, if it is one, and not a pointer of Git LFS to one.
 *
 * @param Kind class of the error.
 * @param expected what the file should be.
 * @throws an error of class `Kind` if it is missing, no file, a pointer, or cannot be opened.
 */
export async function openForReading(
  path: string,
  Kind: ErrorClass,
  expected: string,
): Promise<Deno.FsFile> {
  await checkRegularFile(path, Kind, expected);
  const file = await Deno.open(path).catch((error) => {
    throw new Kind({ problem: "cannot be opened", file: path, ...fileFault(error, expected) });
  });
  try {
    await checkNoPointer(file, path, Kind);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

async function checkNoPointer(file: Deno.FsFile, path: string, Kind: ErrorClass): Promise<void> {
  const { size } = await file.stat();
  const start = await readExactly(file, 0, Math.min(size, POINTER.length), path, Kind);
  await file.seek(0, Deno.SeekMode.Start);
  if (!isPointer(start)) return;
  throw new Kind({
    problem: "is a pointer of Git LFS in the place of a file",
    file: path,
    expected: "the file itself, as `git lfs pull` fetches it",
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
