/** The study of serving, as users call it: what is measured, figures, published numbers. */

export * from "./figures.ts";
export * from "./kept.ts";
export * from "./measure.ts";
export * from "./published.ts";
export type { StepChoice } from "./steps.ts";
export * from "./tables.ts";
