/** What users call to look inside a delta: statistics, sign entropy, singular values, effects on outputs. */

export * from "./anatomy.ts";
export * from "./histogram.ts";
export * from "./layer_inputs.ts";
export * from "./matrix_statistics.ts";
export * from "./normal_matrix.ts";
export * from "./output_products.ts";
export * from "./plain_products.ts";
export * from "./sign_entropy.ts";
export * from "./singular_values.ts";
