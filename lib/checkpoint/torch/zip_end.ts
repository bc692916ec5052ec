/**
 * The end of a ZIP file, of both kinds, where its directory is found; and how such files are read and refused. Not
 * here: the directory (`zip_directory.ts`).
 */

import { TorchError } from "../../util/errors.ts";
import { readExactly } from "../read_exactly.ts";
import { LONGEST_HEADER } from "../safetensors_header.ts";

/** A file of so many bytes, open. */
export interface OpenedFile {
  readonly file: Deno.FsFile;
  readonly path: string;
  readonly size: number;
}

const END = { signature: 0x06054b50, length: 22 };
const END_64_PLACE = { signature: 0x07064b50, length: 20 };
const END_64 = { signature: 0x06064b50, length: 56 };

/** Stands where a number is in the ZIP64 part. */
export const ELSEWHERE = 0xffffffff;

/**
 * Where the directory of a ZIP file lies, and of how many entries.
 *
 * @throws {TorchError} if the file does not end as one, or the directory does not lie right before its end.
 */
export async function readZipEnd(
  opened: OpenedFile,
): Promise<{ begin: number; byteLength: number; count: number }> {
  const { path, size } = opened;
  if (size < END.length) throw zipFault(path, `it ends after ${size} bytes`);
  const tail = Math.min(size, END_64_PLACE.length + END.length);
  const view = viewOf(await readAt(opened, size - tail, tail));
  const end = tail - END.length;
  if (view.getUint32(end, true) !== END.signature || view.getUint16(end + 20, true) !== 0) {
    throw zipFault(path, "its end is not that of one, or has a comment");
  }
  const disks = [view.getUint16(end + 4, true), view.getUint16(end + 6, true)];
  let [count, all] = [view.getUint16(end + 8, true), view.getUint16(end + 10, true)];
  let [byteLength, begin] = [view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  let directoryEnd = size - END.length;
  const is64 = end >= END_64_PLACE.length &&
    view.getUint32(end - END_64_PLACE.length, true) === END_64_PLACE.signature;
  if (is64) {
    directoryEnd = wholeNumber(view, end - END_64_PLACE.length + 8, path);
    if (directoryEnd + END_64.length !== size - tail) {
      throw zipFault(path, "its ZIP64 end is elsewhere");
    }
    const view64 = viewOf(await readAt(opened, directoryEnd, END_64.length));
    if (
      view64.getUint32(0, true) !== END_64.signature ||
      wholeNumber(view64, 4, path) !== END_64.length - 12
    ) throw zipFault(path, "its ZIP64 end is not one");
    disks.push(view64.getUint32(16, true), view64.getUint32(20, true));
    // What stands in both is the same, or said to be elsewhere.
    const agree = (short: number, long: number, elsewhere: number) => {
      if (short !== elsewhere && short !== long) throw zipFault(path, "its two ends differ");
      return long;
    };
    count = agree(count, wholeNumber(view64, 24, path), 0xffff);
    all = agree(all, wholeNumber(view64, 32, path), 0xffff);
    byteLength = agree(byteLength, wholeNumber(view64, 40, path), ELSEWHERE);
    begin = agree(begin, wholeNumber(view64, 48, path), ELSEWHERE);
  }
  if (disks.some((disk) => disk !== 0) || count !== all) {
    throw zipFault(path, "it is on several disks");
  }
  if (begin + byteLength !== directoryEnd) {
    throw zipFault(path, "its directory does not lie before its end");
  }
  if (byteLength > LONGEST_HEADER) {
    throw zipFault(path, `its directory is of ${byteLength} bytes`, `at most ${LONGEST_HEADER}`);
  }
  return { begin, byteLength, count };
}

/** Reads a stretch of the file. */
export function readAt({ file, path }: OpenedFile, position: number, length: number) {
  return readExactly(file, position, length, path, TorchError);
}

/** The numbers in bytes. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** A number of 8 bytes, held to be one that can be counted to. */
export function wholeNumber(view: DataView, at: number, path: string): number {
  const number = Number(view.getBigUint64(at, true));
  if (Number.isSafeInteger(number)) return number;
  throw zipFault(path, `it has the number ${number}`, "numbers up to 2⁵³");
}

/** An error on a ZIP file. */
export function zipFault(
  file: string,
  value: string,
  expected = "a whole ZIP file, as torch writes it",
): TorchError {
  return new TorchError({ problem: "cannot be read as a ZIP file", file, value, expected });
}
