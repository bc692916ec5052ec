/** Linear algebra of large matrices where an engine computes. */

export { cholesky, type CholeskyOptions } from "./cholesky.ts";
export { CholeskyFactor, type FactorBlock, type FactorHalves, type FactorPart } from "./factor.ts";
export { inverseCholesky } from "./inverse_cholesky.ts";
export type { Matrix } from "./matrices.ts";
export { choleskySolve, factorDivide, factorProduct } from "./solve.ts";
export { solveVector } from "./solve_vector.ts";
export { type SymmetricEigen, symmetricEigen } from "./symmetric_eigen.ts";
export { type LeadingOptions, type TruncatedSvd, truncatedSvd } from "./truncated_svd.ts";
