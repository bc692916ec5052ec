/**
 * The weights of a model of the Hub by the headers of its safetensors files alone: kilobytes of gigabytes. Their
 * bytes cannot be read.
 */

import { CheckpointError, TensorFileError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import type { FileRange } from "../file_range.ts";
import { type FetchedSettings, weightPaths } from "../hub/fetch_checkpoint.ts";
import { streamFile } from "../hub/fetch_files.ts";
import { formatHubName } from "../hub/hub_name.ts";
import type { HubRevision } from "../hub/revision.ts";
import {
  LONGEST_HEADER,
  parseHeader,
  type SafetensorsHeader,
  type TensorPlace,
} from "../safetensors_header.ts";
import type { OpenWeights } from "../shards.ts";
import { type ListedTensor, TensorFile } from "../tensor_file.ts";

/**
 * Opens the weights of a model whose settings were fetched.
 *
 * @returns `null` where they are PyTorch's own files, which say at their ends what they hold.
 * @throws {HubError} if a file cannot be had.
 * @throws {TensorFileError} if a header is malformed.
 */
export async function remoteWeights(
  settings: FetchedSettings,
  watch: Watch,
): Promise<OpenWeights | null> {
  const { revision, prefix } = settings;
  const paths = await weightPaths(settings, watch);
  if (!paths.every((path) => path.endsWith(".safetensors"))) return null;
  const files: RemoteHeader[] = [];
  for (const [index, path] of paths.entries()) {
    files.push(await openHeader(revision, prefix + path, watch));
    watch.onProgress?.({ done: index + 1, total: paths.length, label: `header of ${path}` });
  }
  const fileOf = new Map<string, TensorFile>();
  for (const file of files) {
    for (const name of [...file.tensors.keys(), ...file.unreadable.keys()]) fileOf.set(name, file);
  }
  return { files, fileOf, unnamed: new Map() };
}

/** Reads a header, and lets go of the rest. */
async function openHeader(
  revision: HubRevision,
  path: string,
  watch: Watch,
): Promise<RemoteHeader> {
  const shown = formatHubName({ ...revision, revision: revision.commit, path });
  const size = revision.files.find((file) => file.path === path)?.size ?? 0;
  const reader = (await streamFile(revision, path, watch)).getReader();
  try {
    let bytes = new Uint8Array(0);
    const upTo = async (count: number) => {
      while (bytes.length < count) {
        const { value, done } = await reader.read();
        if (done) throw truncated(shown, bytes.length, count);
        const more = new Uint8Array(bytes.length + value.length);
        more.set(bytes);
        more.set(value, bytes.length);
        bytes = more;
      }
    };
    await upTo(8);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    if (length > Math.min(size - 8, LONGEST_HEADER)) throw truncated(shown, size, 8 + length);
    await upTo(8 + length);
    const header = parseHeader(bytes.subarray(8, 8 + length), size - 8 - length, shown);
    return new RemoteHeader(shown, size, header);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function truncated(file: string, bytes: number, needed: number): TensorFileError {
  return new TensorFileError({
    problem: "header is truncated or its length is not one",
    file,
    value: `${needed} bytes of ${bytes}`,
    expected: `a header of at most ${LONGEST_HEADER} bytes`,
  });
}

/** A file whose header alone is here. */
export class RemoteHeader extends TensorFile<TensorPlace> {
  override readonly tensors: SafetensorsHeader["tensors"];
  override readonly unreadable: SafetensorsHeader["unreadable"];
  override readonly metadata: SafetensorsHeader["metadata"];

  constructor(
    override readonly path: string,
    readonly size: number,
    header: SafetensorsHeader,
  ) {
    super();
    ({ tensors: this.tensors, unreadable: this.unreadable, metadata: this.metadata } = header);
  }

  override listed(): ListedTensor[] {
    return [...this.tensors, ...this.unreadable].map(([name, { dtype, shape, begin, end }]) => ({
      name,
      dtype,
      shape,
      storedBytes: end - begin,
    }));
  }

  protected override rangeOf(_place: TensorPlace): FileRange {
    throw new CheckpointError({
      problem: "holds a tensor that has to be compared byte by byte",
      file: this.path,
      expected: "the file itself, which is fetched where every byte is read",
    });
  }
}
