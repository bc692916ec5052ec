/** A graph that is one block op, run in WebAssembly on this thread: copied there, computed, copied back. */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { Feed, Placed, Program } from "../../../graph/engine.ts";
import type { Numbers, Value } from "../../../graph/graph.ts";
import { assembleModule, memoryOf } from "../../../util/wasm.ts";
import { fitting } from "../feeds.ts";
import { emptyNumbers, HostNumbers, StoredNumbers } from "../placed.ts";
import type { ProgramState } from "../program.ts";
import type { HostKernel } from "./kernel.ts";
import { hostKernels } from "./kernels.ts";

/** Where arrays start. */
const ALIGNMENT = 64;

interface Instance {
  readonly memory: WebAssembly.Memory;
  readonly run: (...parameters: number[]) => void;
}

/** One a kernel: a run leaves nothing in its memory that another needs. */
const instances = new Map<HostKernel, Promise<Instance>>();

/** The program of a graph that is one block op, `null` of any other graph. */
export async function hostProgram(
  outputs: Readonly<Record<string, Value>>,
  state: ProgramState,
): Promise<HostProgram | null> {
  const [[name, value], ...others] = Object.entries(outputs);
  const kernel = others.length === 0 ? hostKernels[value.operation] : undefined;
  if (!kernel) return null;
  const known = instances.get(kernel) ?? instantiate(value.operation, kernel);
  instances.set(kernel, known);
  return new HostProgram(state, kernel, await known, { name, value });
}

async function instantiate(operation: string, { text }: HostKernel): Promise<Instance> {
  const module = await assembleModule(`${operation}.wat`, text);
  return new WebAssembly.Instance(module).exports as unknown as Instance;
}

/** A program of one block op. */
export class HostProgram implements Program {
  constructor(
    readonly state: ProgramState,
    readonly kernel: HostKernel,
    readonly instance: Instance,
    readonly output: { readonly name: string; readonly value: Value },
  ) {}

  async keep(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Placed>> {
    const { name } = this.output;
    return { [name]: new HostNumbers((await this.run(feeds))[name], true) };
  }

  // deno-lint-ignore require-await -- its errors are those of a promise, as of other programs
  async run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Numbers>> {
    const { name, value } = this.output;
    const { inputs } = value;
    const { kernel, instance: { memory, run }, state: { scratch } } = this;
    const fed = inputs.map((input) => fitting(input.name!, input, feeds[input.name!]));
    const result = emptyNumbers(value);
    const sizes = [...inputs.map(({ shape }) => 4 * elementCount(shape)), result.byteLength];
    let end = 0;
    const [...addresses] = [...sizes, kernel.scratchBytes(value)].map((bytes) => {
      const begin = end;
      end = begin + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
      return begin;
    });
    // What is widened may fill up its last vector.
    const { buffer } = memoryOf(memory, end + ALIGNMENT);
    for (const [index, numbers] of fed.entries()) {
      if (numbers instanceof StoredNumbers) {
        const values = emptyNumbers(inputs[index]);
        numbers.into(scratch.kernels, values);
        const { buffer: from, byteLength } = values;
        new Uint8Array(buffer, addresses[index], byteLength).set(new Uint8Array(from));
      } else if (numbers instanceof Int32Array) {
        new Int32Array(buffer, addresses[index]).set(numbers);
      } else {
        new Float32Array(buffer, addresses[index]).set(numbers);
      }
    }
    run(...addresses, ...kernel.parameters(value));
    const at = addresses[inputs.length];
    if (result instanceof Int32Array) result.set(new Int32Array(buffer, at, result.length));
    else result.set(new Float32Array(buffer, at, result.length));
    return { [name]: result };
  }

  /** Nothing to free: the instance serves all programs of its op. */
  release(): Promise<void> {
    return Promise.resolve();
  }
}
