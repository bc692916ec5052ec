/**
 * What a codec is: how one matrix of a compressed model is stored, applied and decoded.
 *
 * A codec knows no method: how its numbers are found is not its concern. Every codec stands in the list of
 * `mod.ts`, and nothing else in the library names one.
 */

import type { FloatKernels } from "../checkpoint/float_kernels.ts";
import type { RawTensor, TensorInfo } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import type { Value } from "../graph/graph.ts";

/**
 * What a codec's layout depends on beside the matrix's shape, as plain data that a file can hold: which scales
 * there are, a rank, a group's size.
 */
export type Form = Readonly<Record<string, string | number | boolean>>;

/** The stored tensors of one term, by the names of the codec's layout. */
export type Parts = Readonly<Record<string, RawTensor>>;

/** How a matrix `[out, in]` is stored, applied and decoded. */
export interface Codec {
  /** Stands in delta files. */
  readonly name: string;
  /** `import.meta.url` of its file: what that imports determines what is computed from its parts. */
  readonly module: string;
  /**
   * The parts of a matrix: entries of the file, inputs of the graph, and bytes, counted exactly. Their names
   * are words, and none is `weight`; a graph takes F32, F16, BF16, and I32, which may hold smaller numbers
   * packed.
   *
   * @throws {DeltaError} if the form is none of this codec's.
   */
  layout(shape: LinearShape, form: Form): Readonly<Record<string, TensorInfo>>;
  /**
   * x · Mᵀ, `[tokens, in]` → `[tokens, out]`, straight from the parts. Absent: no graph takes the parts as they are
   * stored, and every engine computes with dense weights.
   *
   * @param part returns the graph's value of a part, of the shape that {@linkcode Codec.layout} says.
   */
  product?(x: Value, part: (name: string) => Value, shape: LinearShape, form: Form): Value;
  /**
   * M itself, `[out, in]`, row-major: the readable oracle of {@linkcode Codec.product}.
   *
   * @param start what is there before, for a codec that says what becomes of it.
   */
  decode(parts: Parts, shape: LinearShape, form: Form, start?: Float32Array): Float32Array;
  /**
   * Whether M stands in the place of what is there before and is made of it, instead of being added to it. Such a
   * codec has {@linkcode Codec.add}, which changes `sum` so. Default: no.
   */
  readonly replaces?: boolean;
  /**
   * Adds M to the elements of `sum`, `[out, in]`, in 32-bit floats: to the bit what {@linkcode Codec.decode} gives
   * rise to, without M and without a loop of JavaScript over it. Absent: M is decoded and added.
   */
  readonly add?: (
    kernels: FloatKernels,
    sum: Float32Array,
    parts: Parts,
    shape: LinearShape,
    form: Form,
  ) => void;
  /** Parts of floats that a trainer may change by their gradients; it rounds them to their type at its end. */
  readonly trainable: readonly string[];
}

/** One stored matrix of a sum. */
export interface Term {
  /** Name of its codec. */
  readonly codec: string;
  /** As the codec's layout takes it. */
  readonly form: Form;
  /** As the codec's layout says. */
  readonly parts: Parts;
}

/** What is known of a compressed layer without its numbers. */
export interface LayerForm {
  /** `[out, in]`. */
  readonly shape: LinearShape;
  /** Whether its terms are added to the base's weights, or stand in their place. */
  readonly role: "delta" | "weight";
  /** Its terms, which are summed. */
  readonly terms: readonly Omit<Term, "parts">[];
}

/** One linear layer, compressed: a sum of stored matrices. */
export interface CompressedLayer extends LayerForm {
  /** With their numbers. */
  readonly terms: readonly Term[];
}
