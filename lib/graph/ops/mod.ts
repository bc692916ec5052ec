/** All ops of a graph, family by family. */

export * from "./attention.ts";
export * from "./cached_attention.ts";
export * from "./cholesky_block.ts";
export * from "./diagonal.ts";
export * from "./difference.ts";
export * from "./elementwise.ts";
export * from "./gptq_block.ts";
export * from "./gptq_sign_block.ts";
export * from "./grouped.ts";
export * from "./integers.ts";
export * from "./likelihood.ts";
export * from "./matrix.ts";
export * from "./normalize.ts";
export * from "./parts.ts";
export * from "./residual_block.ts";
export * from "./rotary.ts";
export * from "./rotary_rows.ts";
export * from "./sign_sweep.ts";
export * from "./signs.ts";
