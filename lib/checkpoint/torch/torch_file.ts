/**
 * Files of `torch.save`, a state dict each, read tensor by tensor: `pytorch_model.bin`, `diff.pt`.
 *
 * A ZIP file of one folder: `data.pkl` says which tensors there are, each a stretch of a storage, `data/<key>`;
 * `byteorder` says little, where it says anything. Opening it reads these and no tensor. The CRCs of storages
 * that are stored as they are stay unread, as in torch, which can be told to leave them out; those that are
 * deflated have to agree. Not here: files of torch before 1.6, which are no ZIP files.
 *
 * The layout: https://pytorch.org/docs/stable/notes/serialization.html
 */

import { resolve } from "node:path";
import { TorchError } from "../../util/errors.ts";
import { type FileRange, stampOf } from "../file_range.ts";
import { openForReading, readExactly } from "../read_exactly.ts";
import { LONGEST_HEADER } from "../safetensors_header.ts";
import type { TensorInfo } from "../tensor.ts";
import { type ListedTensor, TensorFile, type UnreadableInfo } from "../tensor_file.ts";
import { inflated } from "./inflated.ts";
import { readPickle } from "./pickle.ts";
import { stateDictOf, type StateTensor } from "./state_dict.ts";
import { torchScope } from "./torch_globals.ts";
import { readZipDirectory, ZIP_START, type ZipEntry } from "./zip_directory.ts";
import type { OpenedFile } from "./zip_end.ts";

/** A tensor and where its bytes lie. */
export interface TorchPlace extends TensorInfo {
  /** In the file, or in what an entry of it unpacks to. */
  readonly range: FileRange;
}

/**
 * An open file of `torch.save`.
 *
 * @example
 * ```ts
 * import { TorchFile, writeTorch } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pt" });
 * const bytes = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
 * await writeTorch(path, [{ name: "a", dtype: "F32", shape: [3] }], () => Promise.resolve(bytes));
 * {
 *   using file = await TorchFile.open(path);
 *   assert.deepEqual((await file.read("a")).bytes, bytes);
 * }
 * await Deno.remove(path);
 * ```
 */
export class TorchFile extends TensorFile<TorchPlace> {
  /** Where it is. */
  override readonly path: string;
  /** Tensors by name, in the order of the file. */
  override readonly tensors: ReadonlyMap<string, TorchPlace>;
  /** None: a type that is not known here is refused when the file is opened. */
  override readonly unreadable: ReadonlyMap<string, UnreadableInfo> = new Map();
  /** None. */
  override readonly metadata: Readonly<Record<string, string>> = {};

  private constructor(path: string, tensors: ReadonlyMap<string, TorchPlace>) {
    super();
    this.path = path;
    this.tensors = tensors;
  }

  /**
   * Opens a file and reads which tensors it holds.
   *
   * @throws {TorchError} if it is none, is damaged, of another byte order, or holds anything but a dictionary of
   * tensors, each contiguous.
   */
  static async open(path: string): Promise<TorchFile> {
    using file = await openForReading(path, TorchError, "a readable file of torch.save");
    const stat = await file.stat();
    const opened = { file, path, size: stat.size };
    await checkStart(opened);
    const entries = await readZipDirectory(opened);
    const folder = folderOf(entries, path);
    await checkByteOrder(opened, entries.get(`${folder}/byteorder`));
    const pickle = await contentOf(opened, entries.get(`${folder}/data.pkl`)!);
    const { value, length } = readPickle(pickle, torchScope, path);
    if (length !== pickle.length) throw fault(path, "its pickle is followed by more");
    const range = { path: resolve(path), shown: path, stamp: stampOf(stat) };
    const tensors = new Map<string, TorchPlace>();
    for (const [name, tensor] of stateDictOf(value, path)) {
      const entry = entries.get(`${folder}/data/${tensor.storage}`);
      tensors.set(name, { ...tensor, range: { ...range, ...stretch(tensor, entry, name, path) } });
    }
    return new TorchFile(path, tensors);
  }

  /** As {@linkcode TensorFile.listed}. */
  override listed(): ListedTensor[] {
    const seen = new Set<number>();
    return [...this.tensors].map(([name, { dtype, shape, range }]) => {
      const { begin, byteLength } = range.deflated ?? range;
      const storedBytes = seen.has(begin) ? 0 : range.deflated?.packedLength ?? byteLength;
      seen.add(begin);
      return { name, dtype, shape, storedBytes };
    });
  }

  /** As {@linkcode TensorFile.rangeOf}. */
  protected override rangeOf({ range }: TorchPlace): FileRange {
    return range;
  }
}

/** Where a tensor lies that its entry has room for. */
function stretch(
  { storage, storageLength, offset, byteLength }: StateTensor,
  entry: ZipEntry | undefined,
  tensor: string,
  file: string,
): Pick<FileRange, "begin" | "byteLength" | "deflated"> {
  if (!entry || entry.byteLength < storageLength) {
    throw new TorchError({
      problem: "has no such storage",
      file,
      tensor,
      value: entry ? `${entry.byteLength} bytes in 'data/${storage}'` : `no 'data/${storage}'`,
      expected: `an entry of ${storageLength} bytes`,
    });
  }
  if (!entry.isDeflated) return { begin: entry.begin + offset, byteLength };
  return { begin: offset, byteLength, deflated: entry };
}

/** Whether a file of these first four bytes is one of `torch.save`, of any version. */
export function isTorch(start: Uint8Array): boolean {
  return startsZip(start) || startsPickle(start);
}

function startsZip(start: Uint8Array): boolean {
  return start.length >= 4 && ZIP_START.every((byte, at) => start[at] === byte);
}

/** A pickle of protocol 2 that begins with a long number, which old files are known by. */
function startsPickle(start: Uint8Array): boolean {
  return start[0] === 0x80 && start[1] === 2 && start[2] === 0x8a && start[3] === 10;
}

async function checkStart({ file, path, size }: OpenedFile): Promise<void> {
  const start = await readExactly(file, 0, Math.min(size, 4), path, TorchError);
  if (startsZip(start)) return;
  const old = "it is a bare pickle, as torch before 1.6 wrote them; save it again with a later one";
  throw fault(path, startsPickle(start) ? old : "it is no ZIP file");
}

/** The folder of the first entry, which has to be that of all, as torch writes them. */
function folderOf(entries: ReadonlyMap<string, ZipEntry>, path: string): string {
  const folders = new Set([...entries.keys()].map((name) => name.split("/")[0]));
  const [folder] = folders;
  if (folders.size !== 1) throw fault(path, `it has ${folders.size} folders or files at its root`);
  if (entries.has(`${folder}/constants.pkl`)) throw fault(path, "it is a program of TorchScript");
  if (!entries.has(`${folder}/data.pkl`)) throw fault(path, `it has no '${folder}/data.pkl'`);
  return folder;
}

async function checkByteOrder(opened: OpenedFile, entry: ZipEntry | undefined): Promise<void> {
  if (!entry) return;
  const order = new TextDecoder().decode(await contentOf(opened, entry));
  if (order !== "little") throw fault(opened.path, `its byte order is '${order.slice(0, 20)}'`);
}

/** What a small entry holds. */
async function contentOf({ file, path }: OpenedFile, entry: ZipEntry): Promise<Uint8Array> {
  const { name, begin, packedLength, byteLength, isDeflated } = entry;
  if (byteLength > LONGEST_HEADER) {
    throw fault(
      path,
      `'${name}' is of ${byteLength} bytes, and at most ${LONGEST_HEADER} are read`,
    );
  }
  const packed = await readExactly(file, begin, packedLength, path, TorchError);
  return isDeflated ? inflated(packed, entry, path) : packed;
}

function fault(file: string, value: string): TorchError {
  const expected =
    "a file of torch.save of torch ≥ 1.6 on a little-endian machine, with a state dict";
  return new TorchError({ problem: "cannot be read as a PyTorch file", file, value, expected });
}
