/**
 * Kernels of the two commonest grids: one invocation an element, and one workgroup a row. Any size: a
 * grid too long for one dimension is folded into two. The text of a kernel, not its launch.
 */

import type { Kernel } from "../kernel.ts";

/** Invocations of a workgroup. */
export const WORKGROUP = 64;

/** Workgroups that every device takes along one dimension. */
const MOST_GROUPS = 65_535;

/** WGSL: the number of this workgroup in a grid of {@linkcode foldedGroups}. */
export const FLAT_GROUP = "group.y * groups.x + group.x";

/** A grid `[x, y]` of at least `count` workgroups; those beyond `count` must do nothing. */
export function foldedGroups(count: number): [number, number] {
  const along = Math.ceil(count / MOST_GROUPS);
  return [Math.ceil(count / along), along];
}

/** What a kernel of either grid brings of its own. */
export type KernelParts = Omit<Kernel, "workgroup" | "groups">;

/** A kernel whose body runs once for each `i` below `count`, which it sees as `sizes.count`. */
export function elementKernel(count: number, parts: KernelParts): Kernel {
  return {
    ...parts,
    sizes: { count, ...parts.sizes },
    workgroup: [WORKGROUP],
    groups: foldedGroups(Math.ceil(count / WORKGROUP)),
    body: `
let i = (${FLAT_GROUP}) * ${WORKGROUP}u + lane;
if (i >= sizes.count) { return; }
${parts.body.trim()}`,
  };
}

/**
 * A kernel whose body runs in one workgroup for each `row` below `rows`, which it sees as `sizes.rows`.
 * All invocations of a workgroup have the same row, so that the body may hold barriers.
 */
export function rowKernel(rows: number, parts: KernelParts): Kernel {
  return {
    ...parts,
    sizes: { rows, ...parts.sizes },
    workgroup: [WORKGROUP],
    groups: foldedGroups(rows),
    body: `
let row = ${FLAT_GROUP};
if (row >= sizes.rows) { return; }
${parts.body.trim()}`,
  };
}
