/** What an engine, an op or a method of one's own sees of graphs. */

export * from "./engine.ts";
export type {
  Attributes as OperationAttributes,
  ElementType,
  Numbers,
  OnnxAttributes,
  OnnxBuilder,
  Rules,
  Shape,
  Value,
} from "./graph.ts";
export { input } from "./graph.ts";
export { gradient } from "./gradient.ts";
export * from "./linear_algebra/mod.ts";
/** All ops of a graph: what values are made with. */
export * as ops from "./ops/mod.ts";
export { ProgramCache } from "./program_cache.ts";
export * from "./memory.ts";
export * from "./residents.ts";
