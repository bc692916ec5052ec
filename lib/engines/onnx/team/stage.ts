/**
 * One op as a stage of a program, on the thread team: what it reads is copied to memory that threads share, unless it
 * lies there, and its output from there.
 */

import type { FloatKernels } from "../../../checkpoint/float_kernels.ts";
import type { Numbers, Value } from "../../../graph/graph.ts";
import { Turns } from "../../../util/turns.ts";
import { assembleModule } from "../../../util/wasm.ts";
import { HostReserved } from "../reserved.ts";
import { type Given, type Stored, storedBytes } from "./given.ts";
import type { Storage, TeamKernel } from "./kernel.ts";
import { teamOps } from "./kernels.ts";
import { sharedMemories } from "./shared_memory.ts";
import { type Team, type TeamModule, teamOf } from "./team.ts";

/** Where arrays start. */
const ALIGNMENT = 64;

/** Stages of all engines: they share the memory that they work in. */
const turns = new Turns();

/** Modules by their text. */
const modules = new Map<string, Promise<TeamModule>>();

/** Whether an op is run by the thread team. */
export function isTeamOp({ operation }: Value): boolean {
  return operation in teamOps;
}

/** How a value of such an op is computed. */
export class TeamStage {
  readonly #team: Team;
  /** By how operands are stored. */
  readonly #kernels = new Map<string, TeamKernel>();

  /** @param names by which its inputs are given, in their order. */
  constructor(readonly value: Value, readonly names: readonly string[], threads: number) {
    this.#team = teamOf(threads);
  }

  /**
   * Computes it into `result`.
   *
   * @throws {GraphError} if an index among the inputs names nothing.
   * @throws {DeviceError} if there is no room, or a thread fails.
   */
  async run(
    given: ReadonlyMap<string, Given>,
    result: Numbers,
    kernels: FloatKernels,
  ): Promise<void> {
    const inputs = this.names.map((name) => given.get(name)!);
    const op = teamOps[this.value.operation];
    op.check(this.value, inputs);
    const stored = inputs.map((each, place) =>
      storedBytes(each, op.tables.includes(place), kernels)
    );
    const kernel = this.#kernel(stored.map(({ storage }) => storage));
    const module = await moduleOf(this.value.operation, kernel.text);
    await turns.take(() => this.#run({ inputs, stored, kernel, module, result }));
  }

  async #run({ inputs, stored, kernel, module, result }: {
    readonly inputs: readonly Given[];
    readonly stored: readonly Stored[];
    readonly kernel: TeamKernel;
    readonly module: TeamModule;
    readonly result: Numbers;
  }): Promise<void> {
    const { tables } = teamOps[this.value.operation];
    const blocks = tables.map((place) => {
      const table = inputs[place];
      return table instanceof HostReserved ? table.block : null;
    });
    const first = blocks[0]?.memory ?? sharedMemories.any();
    const second = blocks[1]?.memory ?? first;
    using _first = first.hold();
    using _second = second.hold();
    const ownBytes = whole(kernel.ownBytes);
    const sizes = [
      this.#team.threads * ownBytes,
      kernel.sharedBytes,
      ...stored.map(({ bytes }, place) => blocks[tables.indexOf(place)] ? 0 : bytes.byteLength),
      result.byteLength,
    ];
    let end = first.work(sizes.reduce((sum, bytes) => sum + whole(bytes), 0));
    const [own, shared, ...addresses] = sizes.map((bytes) => {
      const begin = end;
      end += whole(bytes);
      return begin;
    });
    for (const [place, { bytes }] of stored.entries()) {
      const block = blocks[tables.indexOf(place)];
      if (block) addresses[place] = block.address;
      else first.view(addresses[place], bytes.byteLength).set(bytes);
    }
    const parameters = [shared, ...addresses, ...kernel.parameters];
    for (const { run, items, grain } of kernel.steps) {
      await this.#team.do({ module, run, first, second, items, grain, own, ownBytes, parameters });
    }
    const bytes = new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
    bytes.set(first.view(addresses[inputs.length], result.byteLength));
  }

  /** Nothing to free: teams and modules serve all. */
  release(): Promise<void> {
    return Promise.resolve();
  }

  #kernel(storages: readonly Storage[]): TeamKernel {
    const key = storages.join();
    const known = this.#kernels.get(key) ??
      teamOps[this.value.operation].kernel(this.value, storages);
    this.#kernels.set(key, known);
    return known;
  }
}

function moduleOf(name: string, text: string): Promise<TeamModule> {
  const known = modules.get(text);
  if (known) return known;
  const id = modules.size;
  const made = assembleModule(`${name}.wat`, text).then((code) => ({ name, id, code }));
  modules.set(text, made);
  return made;
}

function whole(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
