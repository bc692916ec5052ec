/**
 * Which tables the rows of a step take their numbers from, part by part of the model: the graphs that follow from it,
 * and what they are fed. Plain data of tenants and rows, without the base's weights (`base_weights.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { biasOf, tensorShape } from "../../checkpoint/weights.ts";
import type { Feed } from "../../graph/engine.ts";
import { input, type Value } from "../../graph/graph.ts";
import { add, reshape } from "../../graph/ops/elementwise.ts";
import { groupedMatmul, groupedRows } from "../../graph/ops/grouped.ts";
import { padColumns } from "../../graph/ops/parts.ts";
import type { RowContext } from "./row_weights.ts";
import type { Tenant, TenantLayer, TokenTable } from "./tenant.ts";
import { type Family, familyProduct, type FamilyRows, FIRST } from "./tenant_family.ts";

/** Whose a row is: a tenant's, the base's (`null`), or nobody's (`undefined`). */
export type RowOwner = Tenant | null | undefined;

/** What one part of a step computes with. */
export interface PreparedPart {
  /** All that its graph follows from, as text. */
  readonly key: string;
  /** How its graph computes, given how it does for the base alone. */
  readonly context: (ofBase: RowContext) => RowContext;
  /** What tenants feed it; whole numbers of the same content are the same array. */
  readonly feeds: Readonly<Record<string, Feed>>;
}

/** Makes whole numbers of the same content the same array. */
export type Interned = (numbers: Int32Array) => Int32Array;

/** A linear layer of a step. */
interface PreparedLinear {
  readonly families: readonly { readonly family: Family; readonly rows: FamilyRows }[];
  /** The input that says which rows take the base's product: `null` all of them, `undefined` none. */
  readonly base: string | null | undefined;
  /** What that input is fed. */
  readonly groups: Int32Array;
}

/** A decoder layer of a step, or the norm before the head. */
export function prepareLayer(
  config: DecoderConfig,
  { families, vectors }: TenantLayer,
  owners: readonly RowOwner[],
  intern: Interned,
): PreparedPart {
  const feeds: Record<string, Feed> = {};
  const key: unknown[] = [];
  const ofRows = owners.map((each) => each ?? null);
  const tenants = [...new Set(ofRows)].filter((each) => each !== null);
  const linears = new Map<string, PreparedLinear>();
  for (const [layer, { all }] of families) {
    const linear = prepareLinear(layer, all, owners, tenants);
    linears.set(layer, linear);
    if (linear.base) feeds[linear.base] = intern(linear.groups);
    for (const { family, rows } of linear.families) {
      for (const [name, feed] of Object.entries(family.feeds(rows.prefix, ofRows))) {
        feeds[name] = feed instanceof Int32Array ? intern(feed) : feed;
      }
    }
    const shared = linear.families.map(({ family, rows: { capacity, members, isAlone } }) => [
      ...[family.plan.key, capacity, members, isAlone],
    ]);
    if (shared.length > 0) key.push([layer, linear.base, shared]);
  }
  const own = new Map<string, (rows: number) => Value>();
  for (const [tensor, table] of vectors) {
    if (!tenants.some((each) => table.has(each))) continue;
    const name = `tenants/${tensor}`;
    const { capacity, width, repeats } = table;
    key.push([tensor, capacity]);
    feeds[name] = table.placed;
    feeds[`${name}/groups`] = intern(
      Int32Array.from(owners, (each) => each === undefined ? -1 : table.slotOf(each)),
    );
    own.set(tensor, (rows) => {
      const [groups, first] = [`${name}/groups`, FIRST]
        .map((each) => input(each, [owners.length], "i32"));
      const tables = input(name, [capacity, 1, width * repeats]);
      return reshape(groupedRows(tables, groups, first), [rows, width]);
    });
  }
  feeds[FIRST] = intern(new Int32Array(owners.length));
  return {
    key: JSON.stringify(key),
    feeds,
    context: (ofBase) => ({
      ...ofBase,
      linear(x, layer) {
        const product = linearProduct(x, layer, linears.get(layer), ofBase, config);
        const bias = `${layer}.bias`;
        const isOwn = biasOf(config, layer) === null && own.has(bias);
        return isOwn ? add(product, own.get(bias)!(x.shape[0])) : product;
      },
      vector: (tensor, rows) => own.get(tensor)?.(rows) ?? ofBase.parameters(tensor),
    }),
  };
}

function prepareLinear(
  layer: string,
  all: readonly Family[],
  owners: readonly RowOwner[],
  tenants: readonly Tenant[],
): PreparedLinear {
  const used = all.filter((family) => tenants.some((each) => family.has(each)))
    .sort((a, b) => a.plan.key < b.plan.key ? -1 : 1);
  const takesBase = (owner: RowOwner) =>
    owner !== undefined && !used.some((each) => each.plan.replaces && each.has(owner));
  const ofRows = owners.filter((each) => each !== undefined);
  const count = ofRows.filter(takesBase).length;
  return {
    base: count === ofRows.length ? null : count === 0 ? undefined : `tenants/${layer}/base`,
    groups: Int32Array.from(owners, (each) => takesBase(each) ? 0 : -1),
    families: used.map((family, index) => {
      const members = family.isLifted ? 0 : tenants.filter((each) => family.has(each)).length;
      const rows = {
        prefix: `tenants/${layer}/${index}`,
        capacity: family.tables.capacity,
        members,
        isAlone: members === 1 && ofRows.every((each) => family.has(each)),
      };
      return { family, rows };
    }),
  };
}

/** The base's product of rows that have it, and what tenants add to theirs, or have in its place. */
function linearProduct(
  x: Value,
  layer: string,
  linear: PreparedLinear | undefined,
  ofBase: RowContext,
  config: DecoderConfig,
): Value {
  if (!linear) return ofBase.linear(x, layer);
  const { base, families } = linear;
  const terms = families.map(({ family, rows }) => familyProduct(x, family.plan, rows));
  if (base === null) terms.unshift(ofBase.linear(x, layer));
  if (base) {
    const weight = `${layer}.weight`;
    const matrix = input(weight, [1, ...tensorShape(config, weight)]);
    terms.unshift(groupedMatmul(x, matrix, input(base, [x.shape[0]], "i32")));
  }
  return terms.reduce((sum, each) => add(sum, each));
}

/** Embedding or head of a step, of which rows may have their own. */
export function prepareTable(
  part: "embedding" | "head",
  { hiddenSize }: DecoderConfig,
  ofBase: TokenTable,
  owners: readonly RowOwner[],
  intern: Interned,
): PreparedPart {
  const tableOf = (each: RowOwner) => each === undefined ? null : each?.[part] ?? ofBase;
  const tables = [...new Set(owners.map(tableOf))].filter((each) => each !== null);
  if (tables.length === 1 && tables[0] === ofBase) {
    return { key: "base", feeds: {}, context: (ofBase) => ofBase };
  }
  const name = (at: number) => `tenants/${part} ${at}`;
  const feeds: Record<string, Feed> = {};
  for (const [at, table] of tables.entries()) {
    feeds[name(at)] = table.placed;
    feeds[`${name(at)}/groups`] = intern(
      Int32Array.from(owners, (each) => tableOf(each) === table ? 0 : -1),
    );
  }
  const vocabulary = Math.max(...tables.map((each) => each.vocabulary));
  const sum = (product: (table: Value, groups: Value) => Value) =>
    tables.map((each, at) => {
      const table = input(name(at), [1, each.vocabulary, hiddenSize]);
      return product(table, input(`${name(at)}/groups`, [owners.length], "i32"));
    }).reduce((sum, each) => add(sum, each));
  const widened = (logits: Value) => {
    const missing = vocabulary - logits.shape[1];
    return missing > 0 ? padColumns(logits, 0, missing) : logits;
  };
  return {
    key: JSON.stringify(tables.map((each) => each.vocabulary)),
    feeds,
    context: (ofBase) => ({
      ...ofBase,
      embedding: (tokens) => sum((table, groups) => groupedRows(table, groups, tokens)),
      head: (x) => sum((table, groups) => widened(groupedMatmul(x, table, groups))),
    }),
  };
}
