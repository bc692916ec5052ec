/**
 * Kernels as plain data: operands, sizes and the body of one compute shader in WGSL. `rules.ts` says which an
 * op needs; `shader.ts` declares the bindings, `pipelines.ts` compiles.
 */

import type { Attributes, ElementType, Shape, Value } from "../../graph/graph.ts";

/** How numbers lie in device memory; 16-bit floats are two in a `u32` and widened when read. */
export type Storage = "f32" | "i32" | "bf16" | "f16";

/** A tensor on the device, as the kernels of one graph know it. */
export interface Operand {
  /** Its sizes. */
  readonly shape: Shape;
  /** How its numbers lie there. */
  readonly storage: Storage;
}

/** A tensor that a kernel reads, and whether it reads four or eight neighbours at once. */
export interface ReadOperand {
  /** The tensor. */
  readonly operand: Operand;
  /**
   * 4: the accessor is `<name>_at4(i)`, elements 4i … 4i + 3. 8: `<name>_at8(i)`, elements 8i … 8i + 7 as two
   * vectors; of 16-bit floats these are one load. The operand's size is a multiple of it.
   */
  readonly vector?: 4 | 8;
}

/** A tensor that a kernel writes. */
export interface WrittenOperand {
  /** Its sizes. */
  readonly shape: Shape;
  /** Default: `"f32"`. */
  readonly type?: ElementType;
  /** 4: written as vectors of four neighbours; the operand's size is a multiple of 4. */
  readonly vector?: 4;
}

/**
 * One dispatch. For each read operand `x` the shader has the binding `x` and, for floats, `x_at(i: u32)
 * -> f32` that hides how it is stored (or `x_at4(i: u32) -> vec4f`, `x_at8(i: u32) -> mat2x4f`); an i32
 * operand is `array<i32>`, read as `x[i]`, or of vectors of four. Each written operand `y` is `array<f32>`
 * or `array<i32>`, or of vectors of four; each changed operand is so too, or `array<u32>` of two 16-bit floats
 * each. `sizes.n` (u32) and `factors.c` (f32) are uniform: shapes stand
 * there and not in the text, so that one pipeline serves all shapes.
 *
 * The body is that of `main` and sees `group: vec3u` (workgroup), `thread: vec3u` and `lane: u32`
 * (place in it), `groups: vec3u` (number of workgroups).
 */
export interface Kernel {
  /** For errors and snapshots. */
  readonly name: string;
  /** What it reads, by the names in its text. */
  readonly reads: Readonly<Record<string, Operand | ReadOperand>>;
  /**
   * Inputs of the graph that it changes in place, by the names in its text: memory that a caller has reserved. Nothing
   * else in the graph may read them but ops that change them.
   */
  readonly changes?: Readonly<Record<string, Operand>>;
  /** What it writes, by the names in its text; of a kernel that changes something it may be nothing. */
  readonly writes: Readonly<Record<string, WrittenOperand>>;
  /** Whole numbers of its text, by name. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Reals of its text, by name. */
  readonly factors?: Readonly<Record<string, number>>;
  /** Invocations of a workgroup; missing ones are 1. */
  readonly workgroup: readonly number[];
  /** Workgroups; missing ones are 1. */
  readonly groups: readonly number[];
  /** Declarations at module scope: workgroup memory, functions, constants. */
  readonly module?: string;
  /** Text of `main`. */
  readonly body: string;
  /**
   * The product whose tiles it computes, where there was a choice. Kernels that compute one product together,
   * such as sums of stretches and then their sums, have one and the same object here.
   */
  readonly problem?: TileProblem;
}

/** What the device offers beyond the core of WebGPU. */
export interface KernelFeatures {
  /** `subgroupAdd` and its kin; a kernel that uses them does without elsewhere. */
  readonly subgroups: boolean;
  /** float16 as a type in memory; elsewhere its bits are unpacked. */
  readonly float16: boolean;
  /** Bytes of workgroup memory at most. */
  readonly workgroupBytes: number;
  /** Invocations of a workgroup at most. */
  readonly workgroupInvocations: number;
  /** Bytes of an operand at most. Default: any number. */
  readonly bindingBytes?: number;
}

/** A product of matrices that can be cut into tiles in more than one way. */
export interface TileProblem {
  /** Which kernel: `"matmul"`, `"signMatmul"`, … with all that changes its text. */
  readonly kernel: string;
  /** Rows of the result. */
  readonly rows: number;
  /** Columns of the result. */
  readonly columns: number;
  /** Terms of each sum. */
  readonly inner: number;
}

/** Takes the kernels of a graph, in the order in which they run. */
export interface KernelBuilder {
  /** What the device offers. */
  readonly features: KernelFeatures;
  /** Adds a dispatch; returns what it writes, in the order of `writes`. */
  dispatch(kernel: Kernel): Operand[];
  /** Numbers of an input from `first` on, where a binding may begin, as a tensor of a shape of their own. */
  part(input: Operand, first: number, shape: Shape): Operand;
  /** Numbers that are part of the graph. */
  constant(numbers: Float32Array | Int32Array, shape: Shape): Operand;
  /** The name of one of `candidates` for this device, the first unless another was measured faster. */
  tile(problem: TileProblem, candidates: readonly string[]): string;
}

/** Writes an op as kernels; returns its value, or its value and further results of the same kernel. */
export type KernelRule = (
  builder: KernelBuilder,
  inputs: readonly Operand[],
  value: Value,
) => Operand | readonly Operand[];

/**
 * The value of one element as a WGSL expression of the elements of the op's inputs; an input that lacks
 * leading axes is repeated along them. Several such ops may be merged into one kernel.
 */
export type ElementRule = (inputs: readonly string[], attributes: Attributes) => string;
