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
export * from "./program_cache.ts";
export * from "./memory.ts";
