/** Unpacking an entry of a ZIP file that is deflated: to as many bytes as its directory says, and no more. */

import { crc32, inflateRawSync } from "node:zlib";
import { TorchError } from "../../util/errors.ts";
import type { ZipEntry } from "./zip_directory.ts";

/**
 * The content of an entry.
 *
 * @param packed its bytes in the file.
 * @param path of the file, for errors.
 * @throws {TorchError} if it unpacks to another number of bytes than the directory says, or has another CRC.
 */
export function inflated(
  packed: Uint8Array,
  { name, byteLength, crc32: expected }: ZipEntry,
  path: string,
): Uint8Array {
  const fault = (value: string) =>
    new TorchError({
      problem: `entry '${name}' is damaged`,
      file: path,
      value,
      expected: `${byteLength} deflated bytes with the CRC ${expected.toString(16)}`,
    });
  let bytes: Uint8Array;
  try {
    bytes = inflateRawSync(packed, { maxOutputLength: Math.max(byteLength, 1) });
  } catch (cause) {
    throw fault((cause as Error).message);
  }
  if (bytes.length !== byteLength) throw fault(`${bytes.length} bytes`);
  const found = crc32(bytes);
  if (found !== expected) throw fault(`the CRC ${found.toString(16)}`);
  return bytes;
}
