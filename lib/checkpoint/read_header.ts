/** Opening a safetensors file to read its header, and no more: where its tensors lie. */

import { SafetensorsError } from "../util/errors.ts";
import { type FileStamp, stampOf } from "./file_range.ts";
import { openForReading, readExactly } from "./read_exactly.ts";
import { LONGEST_HEADER, parseHeader, type SafetensorsHeader } from "./safetensors_header.ts";

/** The header of a file, and what the file was when it was read. */
export interface OpenedHeader {
  readonly stamp: FileStamp;
  /** Where the data begins, counted from the start of the file. */
  readonly dataStart: number;
  readonly header: SafetensorsHeader;
}

/**
 * Reads the header of a file.
 *
 * @throws {SafetensorsError} if it is not a file, cannot be opened or its header is not a valid one.
 */
export async function readHeader(path: string): Promise<OpenedHeader> {
  using file = await openForReading(path, SafetensorsError, "a readable safetensors file");
  const stat = await file.stat();
  const headerLength = await readHeaderLength(file, stat.size, path);
  const json = await readExactly(file, 8, headerLength, path, SafetensorsError);
  const dataStart = 8 + headerLength;
  const header = parseHeader(json, stat.size - dataStart, path);
  return { stamp: stampOf(stat), dataStart, header };
}

async function readHeaderLength(
  file: Deno.FsFile,
  fileSize: number,
  path: string,
): Promise<number> {
  if (fileSize < 8) {
    throw new SafetensorsError({
      problem: "is truncated before its header",
      file: path,
      value: fileSize,
      expected: "at least 8 bytes",
    });
  }
  const field = await readExactly(file, 0, 8, path, SafetensorsError);
  const length = Number(new DataView(field.buffer).getBigUint64(0, true));
  const most = Math.min(fileSize - 8, LONGEST_HEADER);
  if (length > most) {
    throw new SafetensorsError({
      problem: "header is truncated or its length is not one",
      file: path,
      value: length,
      expected: `a header of at most ${most} bytes`,
    });
  }
  return length;
}
