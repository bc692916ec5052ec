/** Sizes and element types of values. */

/** Sizes of a value, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Element types that graphs hold. */
export type ElementType = "f32" | "i32";
