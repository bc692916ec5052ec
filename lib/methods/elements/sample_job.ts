/** Elements of a layer's delta at the random positions of a form, in the type of the form. */

import { slot } from "../../checkpoint/float_kernels.ts";
import { isInline } from "../../checkpoint/scan_job.ts";
import { elementCount, fromFloat32, isFloatType, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Form } from "../../codecs/codec.ts";
import { eachSampled, sampled } from "../../codecs/sampled.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";
import { deltaInMemory, type PairOfWeights, threadKernels } from "./delta_in_memory.ts";

/** Slots of positions, as the codec has them, and of their values. */
const [POSITIONS, VALUES] = [1, 2];

/** The job; {@linkcode sampleElements} runs it. */
export const sampleJob: Job<[pair: PairOfWeights, form: Form, factor: number], RawTensor> = {
  module: import.meta.url,
  name: "sampleJob",
  async run(pair, form, factor) {
    const { shape } = pair;
    const { kernels, elements, delta } = deltaInMemory(await threadKernels(), pair);
    const info = sampled.layout(shape, form).values;
    const values = new Float32Array(elementCount(info.shape));
    eachSampled(kernels, shape, form, (row, { begin, count }, first) => {
      const address = delta.byteOffset + 4 * (row * shape[1] + begin);
      elements.gather(address, slot(POSITIONS), count, factor, slot(VALUES));
      values.set(new Float32Array(kernels.memory.buffer, slot(VALUES), count), first);
    });
    if (!isFloatType(info.dtype)) throw new TypeError(`values of ${info.dtype} are no floats`);
    return { ...info, bytes: fromFloat32(values, info.dtype) };
  },
  moved: ({ bytes }) => [bytes.buffer as ArrayBuffer],
};

/** Δ at the positions that the codec `sampled` has for a form, each times a factor. */
export async function sampleElements(
  { name, shape, base, fine }: PairOfWeights,
  form: Form,
  factor: number,
  signal?: AbortSignal,
): Promise<RawTensor> {
  const order = [{ name, shape, base, fine }, form, factor] as const;
  return await runJob(sampleJob, [...order], { inline: isInline(fine.bytes), signal });
}
