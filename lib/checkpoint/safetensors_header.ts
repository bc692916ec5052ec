/**
 * The header of a safetensors file: a length, then JSON that says where each tensor lies.
 *
 * `[8 bytes: N, little-endian] [N bytes: JSON] [tensor bytes]`, offsets counted from the end of the
 * header. Reads and writes bytes of the header only; files are `safetensors.ts`.
 */

import { SafetensorsError } from "../util/errors.ts";
import { repeatedName } from "./repeated_name.ts";
import { byteCount, ELEMENT_SIZES, type TensorInfo } from "./tensor.ts";

/**
 * Longest header that is read, in bytes. The format allows 10⁸, which as a million names takes half a
 * minute and a gigabyte to read; this is room for 30,000 tensors, and the largest Llama has 1,138.
 */
export const LONGEST_HEADER = 4_000_000;

/** A tensor and where its bytes lie, counted from the end of the header. */
export interface TensorPlace extends TensorInfo {
  /** The first byte. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** A tensor of a type that is not known here, which can be passed over and not read. */
export type UnreadablePlace = Omit<TensorPlace, "dtype"> & { readonly dtype: string };

/** What a header says. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** Tensors whose type the format has, or will have, and this library has not. */
  readonly unreadable: ReadonlyMap<string, UnreadablePlace>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the JSON part of a header.
 *
 * @param json its bytes, the length before them left out.
 * @param dataLength bytes that follow the header in the file.
 * @param file name for error messages.
 * @throws {SafetensorsError} if it is not JSON, names a tensor twice, an entry is malformed, a size is
 * not shape × element size, or the tensors do not lie end to end within the data.
 */
export function parseHeader(json: Uint8Array, dataLength: number, file: string): SafetensorsHeader {
  const tensors = new Map<string, TensorPlace>();
  const unreadable = new Map<string, UnreadablePlace>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(parseJson(json, file))) {
    if (name === "__metadata__") metadata = parseMetadata(entry, file);
    else {
      const place = parseEntry(name, entry, file);
      if (isReadable(place)) tensors.set(name, place);
      else unreadable.set(name, place);
    }
  }
  for (const [name, place] of tensors) checkSize(name, place, file);
  checkLayout([...tensors, ...unreadable], dataLength, file);
  return { tensors, unreadable, metadata };
}

/**
 * The first bytes of a file that holds `tensors` in the order given, end to end: length and JSON,
 * padded with spaces so that the data starts at a multiple of 8.
 *
 * @param leastLength bytes of it at least, for one that takes the place of another.
 */
export function formatHeader(
  tensors: Iterable<{ readonly name: string } & TensorInfo>,
  metadata: Readonly<Record<string, string>>,
  leastLength = 0,
): Uint8Array {
  const entries: [name: string, entry: unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(["__metadata__", metadata]);
  let begin = 0;
  for (const tensor of tensors) {
    const end = begin + byteCount(tensor);
    const { name, dtype, shape } = tensor;
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(Math.max(json.length, leastLength - 8) / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(" ".charCodeAt(0));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

function parseJson(bytes: Uint8Array, file: string): Record<string, unknown> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.startsWith("{")) throw new SyntaxError(`it begins with '${text.slice(0, 1)}'`);
    const json = JSON.parse(text);
    const repeated = repeatedName(text);
    if (repeated !== null) throw new SyntaxError(`'${repeated}' stands twice in an object`);
    return json;
  } catch (cause) {
    throw new SafetensorsError({
      problem: "header cannot be read",
      file,
      value: (cause as Error).message,
      expected: "a JSON object in UTF-8 with each name once",
      cause,
    });
  }
}

function parseMetadata(entry: unknown, file: string): Record<string, string> {
  if (isTextRecord(entry)) return entry;
  throw new SafetensorsError({
    problem: "header has malformed __metadata__",
    file,
    value: entry,
    expected: "an object of strings",
  });
}

// In plain checks: a schema takes 20 µs an entry, and a header may have 10⁵.
function parseEntry(name: string, entry: unknown, file: string): UnreadablePlace {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype === "string" && areWhole(shape) && areWhole(offsets) && offsets.length === 2) {
    return { dtype, shape, begin: offsets[0], end: offsets[1] };
  }
  throw new SafetensorsError({
    problem: "header entry is malformed",
    file,
    tensor: name,
    value: entry,
    expected: "dtype (text), shape (whole numbers) and data_offsets (two whole numbers)",
  });
}

function areWhole(list: unknown): list is number[] {
  return Array.isArray(list) && list.every((each) => Number.isSafeInteger(each) && each >= 0);
}

function isReadable(place: UnreadablePlace): place is TensorPlace {
  return Object.hasOwn(ELEMENT_SIZES, place.dtype);
}

function checkSize(name: string, place: TensorPlace, file: string): void {
  const { dtype, shape, begin, end } = place;
  if (end - begin === byteCount(place)) return;
  throw new SafetensorsError({
    problem: `data_offsets do not fit ${dtype} of shape [${shape.slice(0, 8)}]`,
    file,
    tensor: name,
    value: [begin, end],
    expected: `${byteCount(place)} bytes`,
  });
}

/** The format wants the data indexed without overlap and without holes. */
function checkLayout(
  tensors: (readonly [name: string, place: UnreadablePlace])[],
  dataLength: number,
  file: string,
): void {
  let previousEnd = 0;
  let previousName: string | null = null;
  const inOrder = tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    const fault = { file, tensor: name, value: [begin, end] };
    if (end > dataLength) {
      throw new SafetensorsError({
        ...fault,
        problem: "data_offsets lie outside the file",
        expected: `offsets up to ${dataLength}, the bytes that follow the header`,
      });
    }
    if (end < begin) {
      throw new SafetensorsError({
        ...fault,
        problem: "data_offsets are in the wrong order",
        expected: "a begin before its end",
      });
    }
    if (begin !== previousEnd) {
      throw new SafetensorsError({
        ...fault,
        problem: begin < previousEnd
          ? `overlaps tensor '${previousName}'`
          : "leaves a hole before it",
        expected: `data_offsets that begin at ${previousEnd}`,
      });
    }
    previousEnd = end;
    previousName = name;
  }
  if (previousEnd !== dataLength) {
    throw new SafetensorsError({
      problem: "has bytes that no tensor claims",
      file,
      value: dataLength - previousEnd,
      expected: `${previousEnd} bytes after the header`,
    });
  }
}

/** Whether a value is an object, no list, of texts alone. */
export function isTextRecord(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((each) => typeof each === "string");
}
