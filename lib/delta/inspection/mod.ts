/** What users call to look at a file or folder without loading it. */

export { inspect, type Inspection, type TensorFileInspection } from "./inspect.ts";
export {
  type DeltaInspection,
  type FormCount,
  inspectDelta,
  type InspectionOptions,
  type ProjectionInspection,
} from "./inspect_delta.ts";
export type { LayerInspection, PartInspection } from "./inspect_layer.ts";
export type { ScaleRange } from "./scale_range.ts";
export { parseInspection } from "./schema.ts";
export type { Verification } from "./verify.ts";
