/** Files of torch, sound and small: a diff.pt as it is, one that is deflated, and the pickle within one. */

import { join } from "node:path";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { type Delta, loadDelta } from "../../lib/delta/delta.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { type Plain, plainPickle } from "../checkpoint/torch/plain_pickle.ts";
import {
  plainArchive,
  plainState,
  type PlainTensor,
  plainTorch,
} from "../checkpoint/torch/plain_torch.ts";
import { scalarDelta } from "./scalar_delta.ts";
import type { Target } from "./target.ts";

const FILE = "diff.pt";
const PICKLE = "data.pkl";

/** Everything that is read of it. */
async function described(path: string): Promise<string> {
  using file: Delta & Disposable = await openDelta(path);
  const { layers, whole } = await loadDelta(file);
  return JSON.stringify(
    [[...layers], [...whole].toSorted()],
    (_, value) => value instanceof Uint8Array ? [...value] : value,
  );
}

/** A delta's tensors, as Python has them. */
async function tensorsIn(folder: string): Promise<PlainTensor[]> {
  const path = join(folder, "delta.safetensors");
  await writeDelta(path, scalarDelta());
  using file = await SafetensorsFile.open(path);
  return await Promise.all([...file.tensors.keys()].map(async (name) => ({
    name,
    ...await file.read(name),
    isParameter: !name.endsWith(".mask"),
  })));
}

const diff = {
  file: FILE,
  format: "bytes",
  read: (folder: string) => described(join(folder, FILE)),
} as const;

export const torchTargets: readonly Target[] = [
  {
    ...diff,
    name: "diff.pt",
    sealed: false,
    make: async (folder) => {
      const bytes = plainTorch(await tensorsIn(folder), { zip64: true, descriptors: true });
      await Deno.writeFile(join(folder, FILE), bytes);
    },
  },
  {
    ...diff,
    name: "diff.pt, deflated",
    // All of its content has a CRC that is looked at.
    sealed: true,
    make: async (folder) => {
      const bytes = plainTorch(await tensorsIn(folder), { deflated: true, protocol: 4 });
      await Deno.writeFile(join(folder, FILE), bytes);
    },
  },
  {
    name: "pickle of diff.pt",
    file: PICKLE,
    format: "bytes",
    sealed: false,
    make: async (folder) => {
      const { value } = plainState(await tensorsIn(folder));
      // An attribute that nothing is read of, so that not every fault is met.
      const state = new Map([["notes", "of no consequence ".repeat(200)]]);
      const items = value as ReadonlyMap<string, Plain>;
      const noted: Plain = { call: "collections.OrderedDict", given: [], items, state };
      await Deno.writeFile(join(folder, PICKLE), plainPickle(noted, 2));
    },
    read: async (folder) => {
      const { storages } = plainState(await tensorsIn(folder));
      const bytes = plainArchive(await Deno.readFile(join(folder, PICKLE)), storages);
      await Deno.writeFile(join(folder, FILE), bytes);
      return await described(join(folder, FILE));
    },
  },
];
