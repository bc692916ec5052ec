/** The layers of a delta side by side, as users call it. */

export * from "./delta_distribution.ts";
export { type LayerKind, layerKinds, type LayerPlace, layerPlace } from "./layer_kind.ts";
export * from "./layer_profile.ts";
export * from "./rows.ts";
