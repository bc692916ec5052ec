/**
 * The codec `sparse-signs`: `M = coeff · T` with T of −1 and +1 at k elements and 0 elsewhere: their positions, a bit
 * a kept element and one scale. What ComPEFT keeps of a task vector (Yadav et al. 2023, section 2).
 */

import { slot } from "../checkpoint/float_kernels.ts";
import { float32Tensor, type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { DeltaError } from "../util/errors.ts";
import type { Codec, Form, Term } from "./codec.ts";
import { eachSegment, OWN, POSITIONS, segmentsOf } from "./segments.ts";
import {
  plainPositions,
  positionLayout,
  PositionReader,
  segmentedBytes,
} from "./stored_positions.ts";

/** Signs of a few elements. Its form: `{ kept }`, how many of all. */
export const sparseSigns: Codec = {
  name: "sparse-signs",
  module: import.meta.url,
  trainable: ["coeff"],
  layout(shape, form) {
    const kept = keptOf(shape, form);
    return {
      ...positionLayout(shape, kept),
      sign_bits: { dtype: "U8", shape: [segmentedBytes(shape, kept)] },
      coeff: { dtype: "F32", shape: [] },
    };
  },
  decode(parts, shape, form) {
    const kept = keptOf(shape, form);
    const [scale] = toFloat32(parts.coeff);
    const values = new Float32Array(shape[0] * shape[1]);
    const positions = plainPositions(parts, shape, kept);
    const counts = new Uint16Array(parts.counts.bytes.slice().buffer);
    let [byte, at] = [0, 0];
    for (const { index } of segmentsOf(shape)) {
      for (let each = 0; each < counts[index]; each++) {
        const isPositive = parts.sign_bits.bytes[byte + (each >>> 3)] >>> (each & 7) & 1;
        values[positions[at++]] = isPositive ? scale : -scale;
      }
      byte += Math.ceil(counts[index] / 8);
    }
    return values;
  },
  add(kernels, sum, parts, shape, form) {
    const positions = new PositionReader(sparseSigns.name, parts, shape, keptOf(shape, form));
    const [scale] = toFloat32(parts.coeff);
    let at = 0;
    eachSegment(kernels, sum, shape, (segment, address) => {
      const count = positions.read(kernels, segment);
      const bytes = parts.sign_bits.bytes.subarray(at, at += Math.ceil(count / 8));
      new Uint8Array(kernels.memory.buffer, slot(OWN), bytes.length).set(bytes);
      kernels.addSignsAt(address, slot(POSITIONS), count, slot(OWN), scale);
    });
  },
};

/** How a term of this codec is stored. */
export function sparseSignsForm(kept: number): Omit<Term, "parts"> {
  return { codec: sparseSigns.name, form: { kept } };
}

/** Positions and signs, as an encoder wrote them, with their scale, which is rounded to a 32-bit float. */
export function sparseSignsTerm(
  stored: Readonly<Record<"counts" | "low" | "high" | "sign_bits", Uint8Array>>,
  shape: LinearShape,
  kept: number,
  scale: number,
): Term {
  const term = sparseSignsForm(kept);
  const layout = sparseSigns.layout(shape, term.form);
  const parts = Object.entries(stored).map(([name, bytes]): [string, RawTensor] => [
    name,
    { ...layout[name], bytes },
  ]);
  const coeff = float32Tensor(Float32Array.of(scale), []);
  return { ...term, parts: { ...Object.fromEntries(parts), coeff } };
}

/** @throws {DeltaError} if a form is none of this codec's. */
function keptOf([outSize, inSize]: LinearShape, { kept, ...others }: Form): number {
  const fits = typeof kept === "number" && Number.isInteger(kept) && kept >= 0 &&
    kept <= outSize * inSize;
  if (fits && Object.keys(others).length === 0) return kept;
  throw new DeltaError({
    problem: `is no form of the codec '${sparseSigns.name}'`,
    option: "form",
    value: { kept, ...others },
    expected: `{ kept }, a whole number to ${outSize * inSize}`,
  });
}
