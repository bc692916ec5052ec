/**
 * How a linear layer of a tenant is computed beside others': which of its products are lifted over tenants, of which
 * tables, and which run by themselves. It follows from how the layer is stored, so that tenants of one plan share
 * tables and one dispatch.
 */

import {
  byteCount,
  elementCount,
  type FloatType,
  type TensorInfo,
} from "../../checkpoint/tensor.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import type { LayerForm } from "../../codecs/codec.ts";
import { formOf, layerParts } from "../../codecs/layer.ts";
import { findCodec } from "../../codecs/mod.ts";
import type { ReservedInfo } from "../../graph/engine.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { type Product, type TableInfo, tablesOf } from "./tenant_lift.ts";

/** One product of a layer. */
export interface PlannedTerm {
  readonly product: Product;
  /** What the product asks for, by name. */
  readonly parts: Readonly<Record<string, TensorInfo>>;
  /** The tables that it is lifted over; `null`: it runs by itself, straight from its parts. */
  readonly tables: readonly PlannedTable[] | null;
}

/** A table over tenants. */
export interface PlannedTable extends TableInfo {
  /** Type of its elements. */
  readonly dtype: ReservedInfo["dtype"];
}

/** A linear layer as a batch computes it. */
export interface LayerPlan {
  /** All that it follows from: plans of one key are the same. */
  readonly key: string;
  /** `[out, in]` */
  readonly shape: LinearShape;
  /** Whether it stands in the base's place. */
  readonly replaces: boolean;
  readonly terms: readonly PlannedTerm[];
}

/** What of a layer is formed once, for want of a product. */
export interface Formed {
  /** Which terms, which have the last place in the plan together. */
  readonly terms: readonly number[];
  /** Whether the base's weights, which a term says what becomes of, are part of it. */
  readonly ofBase: boolean;
}

/** What of a layer is formed; `null`: nothing. */
export function formedOf({ role, terms }: LayerForm): Formed | null {
  const codecs = terms.map(({ codec }) => findCodec(codec));
  const replaces = codecs.some((each) => each.replaces);
  const formed = [...codecs.keys()].filter((term) => replaces || !codecs[term].product);
  return formed.length > 0 ? { terms: formed, ofBase: replaces && role === "delta" } : null;
}

/** What the one part of what is formed is called. */
export const FORMED = "matrix";

/**
 * The plan of a layer.
 *
 * @param type of what is formed of it.
 */
export function planLayer(form: LayerForm, type: FloatType): LayerPlan {
  const { shape, role, terms } = formOf(form);
  const formed = formedOf(form);
  const kept = [...terms.keys()].filter((term) => !formed?.terms.includes(term));
  const parts = kept.length > 0 ? layerParts("", form) : [];
  const planned = kept.map((term) => {
    const { codec, form } = terms[term];
    const infos = parts.filter((each) => each.term === term).map(({ part, info }) => [part, info]);
    const product: Product = (x, part) => findCodec(codec).product!(x, part, shape, form);
    return planTerm(product, Object.fromEntries(infos), shape[1]);
  });
  if (formed) {
    const product: Product = (x, part) => matmul(x, part(FORMED), { transposeSecond: true });
    planned.push(planTerm(product, { [FORMED]: { dtype: type, shape } }, shape[1]));
  }
  const replaces = role === "weight" || formed?.ofBase === true;
  const key = JSON.stringify([shape, replaces, kept.map((term) => terms[term]), formed && type]);
  return { key, shape, replaces, terms: planned };
}

function planTerm(
  product: Product,
  parts: Readonly<Record<string, TensorInfo>>,
  inSize: number,
): PlannedTerm {
  const tables = tablesOf(product, parts, inSize);
  return {
    product,
    parts,
    tables: tables && tables.map((table) => ({ ...table, dtype: typeOf(table, parts) })),
  };
}

/** As the part is stored, but for vectors, and for what would begin within a word. */
function typeOf(
  { part, layout, shape }: TableInfo,
  parts: Readonly<Record<string, TensorInfo>>,
): ReservedInfo["dtype"] {
  if (layout.endsWith("mask")) return "I32";
  return layout === "vector" || elementCount(shape) % 2 === 1
    ? "F32"
    : parts[part].dtype as FloatType;
}

/** All tables of a plan, term by term. */
export function tablesOfPlan({ terms }: LayerPlan): PlannedTable[] {
  return terms.flatMap(({ tables }) => tables ?? []);
}

/** Bytes that one tenant's layer of a plan takes where an engine computes. */
export function planBytes(plan: LayerPlan): number {
  const own = plan.terms.filter(({ tables }) => !tables).flatMap(({ parts }) =>
    Object.values(parts)
  );
  return [...tablesOfPlan(plan), ...own].reduce((sum, info) => sum + byteCount(info), 0);
}
