/**
 * Bytes of the Hub into a blob of the cache: parts of a large file are fetched beside each other and written
 * in their order, so that what an ended process leaves is always a beginning, which the next one, this library's
 * or Python's, continues. A blob has its name only when its digest is right.
 */

import type { Hash } from "node:crypto";
import { checkRoom } from "../../util/check_output.ts";
import { removeIfThere, writeAll } from "../../util/files.ts";
import { inOrder } from "../../util/in_order.ts";
import { type CachedRepository, sizeOf } from "./cache.ts";
import { hashFor, otherDigest } from "./digest.ts";
import { formatHubName } from "./hub_name.ts";
import type { RemoteFile } from "./remote_file.ts";

/** Parts of one file that are fetched at once. */
const AT_ONCE = 4;

/** Bytes that are read at once of what is there already. */
const READ = 2 ** 20;

/** What is told of a download: bytes of the file that are there, and how many of them an earlier run fetched. */
export type Report = (bytes: number, resumed: number) => void;

/**
 * Fetches a file into its blob, unless another process has done so meanwhile.
 *
 * @param digest its SHA-256, or git's SHA-1 of a file that is not in Git LFS.
 * @throws {HubError} if it cannot be had or is not what its digest says.
 */
export async function downloadBlob(
  cached: CachedRepository,
  remote: RemoteFile,
  digest: string,
  report: Report,
  signal?: AbortSignal,
): Promise<void> {
  await Deno.mkdir(cached.blob("."), { recursive: true });
  await cached.locked(digest, async () => {
    const blob = cached.blob(digest);
    if (await sizeOf(blob) === remote.size) return report(remote.size, remote.size);
    const incomplete = `${blob}.incomplete`;
    // What an earlier run left may be spoilt: a second attempt begins anew.
    const isContinued = (await sizeOf(incomplete) ?? 0) > 0;
    const isWhole = await fill(incomplete, remote, digest, report, signal) ||
      isContinued && await fill(incomplete, remote, digest, report, signal);
    if (isWhole) return await Deno.rename(incomplete, blob);
    throw otherDigest(formatHubName(remote.place), digest);
  }, signal);
}

/** Brings a file to its full length; removes it if its digest is wrong then, and says so. */
async function fill(
  path: string,
  remote: RemoteFile,
  digest: string,
  report: Report,
  signal?: AbortSignal,
): Promise<boolean> {
  const { size } = remote;
  using file = await Deno.open(path, { read: true, write: true, create: true });
  if ((await file.stat()).size > size) await file.truncate(0);
  const hash = hashFor(digest, size);
  const kept = await readInto(hash, file, signal);
  await checkRoom(path, size - kept);
  let at = kept;
  report(at, kept);
  const write = async (bytes: Uint8Array) => {
    await writeAll(file, bytes);
    hash.update(bytes);
    report(at += bytes.length, kept);
  };
  await fetchInto(write, remote, kept, signal);
  if (hash.digest("hex") === digest) {
    await file.sync();
    return true;
  }
  await removeIfThere(path);
  return false;
}

async function readInto(hash: Hash, file: Deno.FsFile, signal?: AbortSignal): Promise<number> {
  const bytes = new Uint8Array(READ);
  for (let total = 0;;) {
    signal?.throwIfAborted();
    const read = await file.read(bytes);
    if (read === null) return total;
    hash.update(bytes.subarray(0, read));
    total += read;
  }
}

async function fetchInto(
  write: (bytes: Uint8Array) => Promise<void>,
  remote: RemoteFile,
  from: number,
  signal?: AbortSignal,
): Promise<void> {
  const { size, settings: { part } } = remote;
  const stream = async (from: number, to: number) => {
    for await (const bytes of remote.read(from, to, signal)) await write(bytes);
  };
  // The first part tells whether there are parts to be had.
  const first = Math.min(size, from + part);
  await stream(from, first);
  if (first === size) return;
  if (!remote.ranged) return await stream(first, size);
  const starts = Array.from(
    { length: Math.ceil((size - first) / part) },
    (_, i) => first + i * part,
  );
  await inOrder(
    starts,
    { most: AT_ONCE, mostBytes: Infinity, bytesOf: () => part },
    (start) => wholePart(remote, start, Math.min(size, start + part), signal),
    (_, bytes) => write(bytes),
    signal,
  );
}

async function wholePart(
  remote: RemoteFile,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const whole = new Uint8Array(to - from);
  let at = 0;
  for await (const bytes of remote.read(from, to, signal)) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}
