/** Every byte of a delta's file read once and held against the digests that the file carries. */

import type { Watch } from "../../util/progress.ts";
import { layerParts } from "../../codecs/layer.ts";
import type { DeltaFile } from "../delta_file.ts";

/** What reading every byte of a delta's file found; what is wrong is thrown. */
export interface Verification {
  /** Entries that were read. */
  readonly entries: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Whether each was held against a digest; a file from before there were any has finite numbers, and no more. */
  readonly digests: boolean;
}

/**
 * Reads every entry of a delta's file.
 *
 * @throws {DeltaError} naming the first that is not as it was written, or not finite.
 */
export async function verifyDelta(
  file: DeltaFile,
  { onProgress, signal }: Watch = {},
): Promise<Verification> {
  const layers = [...file.layers].map(([name, form]) => ({
    entries: layerParts(name, form).map(({ entry }) => entry),
    read: () => file.readLayer(name),
    label: name,
  }));
  const whole = [...file.whole.keys()].map((name) => ({
    entries: [name],
    read: () => file.readWhole(name),
    label: name,
  }));
  const steps = [...layers, ...whole].map((step) => ({
    ...step,
    bytes: step.entries.reduce((sum, entry) => sum + file.storedBytes(entry), 0),
  }));
  const total = steps.reduce((sum, { bytes }) => sum + bytes, 0);
  let [done, entries] = [0, 0];
  for (const [index, step] of steps.entries()) {
    signal?.throwIfAborted();
    await step.read();
    done += step.bytes;
    entries += step.entries.length;
    const label = `reading ${step.label}`;
    onProgress?.({ done: index + 1, total: steps.length, label, bytes: { done, total } });
  }
  return { entries, bytes: done, digests: file.digest !== null };
}
