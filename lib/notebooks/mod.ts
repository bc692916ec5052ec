/** What users call to run, check and parametrise notebooks without a browser. */

export { checkNotebooks } from "./check.ts";
export { compareOutputs, type Comparison as OutputComparison } from "./compare.ts";
export * from "./errors.ts";
export * from "./kernel_spec.ts";
export {
  type Cell as NotebookCell,
  type CellBase,
  type CodeCell,
  type DisplayOutput,
  type ErrorOutput,
  type JsonObject,
  type MimeBundle,
  type Notebook,
  type Output as CellOutput,
  type ResultOutput,
  runnableCells,
  type StreamOutput,
  type TextCell,
} from "./notebook.ts";
export { readNotebook, writeNotebook } from "./notebook_file.ts";
export { withParameters } from "./parameters.ts";
export * from "./run.ts";
