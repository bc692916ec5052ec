/**
 * Tenants whose linear layer is stored alike: tables over them, and what of each runs by itself. Not here: which rows
 * are whose (`tenant_step.ts`).
 */

import type { Parts } from "../../codecs/codec.ts";
import type { Engine, Feed, Placed } from "../../graph/engine.ts";
import { input, type Value } from "../../graph/graph.ts";
import { add, reshape } from "../../graph/ops/elementwise.ts";
import { groupedRows } from "../../graph/ops/grouped.ts";
import { concatenateRows } from "../../graph/ops/matrix.ts";
import { submatrix } from "../../graph/ops/parts.ts";
import { partInput } from "../linear.ts";
import { numbersOf } from "../model_tensors.ts";
import { SlotTables } from "./slot_tables.ts";
import { liftProduct, tableKey } from "./tenant_lift.ts";
import { tableNumbers } from "./tenant_numbers.ts";
import { type LayerPlan, type PlannedTerm, tablesOfPlan } from "./tenant_plan.ts";

/** Rows of one family in a step. */
export interface FamilyRows {
  /** Begins the names of its inputs. */
  readonly prefix: string;
  /** Slots of its tables. */
  readonly capacity: number;
  /** Tenants that have rows, of which something is not lifted. */
  readonly members: number;
  /** Whether all rows are of one of these. */
  readonly isAlone: boolean;
}

/** The input of zeros, one a row, that all of a step's tables of one row are indexed by. */
export const FIRST = "tenants/first";

/** The input of the rows' own numbers, 0, 1, …: each row where it is. */
const PLACES = "tenants/places";

/** One family: the tenants of one plan, as many as fit into tables together. */
export class Family {
  readonly tables: SlotTables;
  /** Of each tenant, what is not in tables. */
  readonly #own = new Map<object, Map<string, Placed>>();

  constructor(readonly engine: Engine, readonly layer: string, readonly plan: LayerPlan) {
    const tables = tablesOfPlan(plan).map(({ part, dtype, shape }) => ({
      name: `${layer}.${part}`,
      info: { dtype, shape },
    }));
    this.tables = new SlotTables(engine, tables);
  }

  /**
   * Writes what a tenant has of the layer; one call at a time.
   *
   * @param owner the tenant.
   * @param terms the parts of each term of the plan, which are not looked at again.
   */
  async add(owner: object, terms: readonly Parts[]): Promise<void> {
    const slot = await this.tables.take(owner);
    try {
      const own = new Map<string, Placed>();
      this.#own.set(owner, own);
      let at = 0;
      for (const [term, { tables, parts }] of this.plan.terms.entries()) {
        const stored = terms[term];
        for (const table of tables ?? []) {
          await this.tables.write(slot, at++, tableNumbers(table, stored[table.part]));
        }
        for (const part of tables ? [] : Object.keys(parts)) {
          const name = `${this.layer}.${part}`;
          // Its own, for what is read is used again, and may lie in memory that threads share.
          const copy = { ...stored[part], bytes: stored[part].bytes.slice() };
          own.set(`${term}/${part}`, await this.engine.place(numbersOf(copy), name));
        }
      }
    } catch (error) {
      this.remove(owner);
      throw error;
    }
  }

  /** Whether no tenant is. */
  get isEmpty(): boolean {
    return this.#own.size === 0;
  }

  /** Whether a row's owner is of the family. */
  has(owner: object | null | undefined): boolean {
    return !!owner && this.#own.has(owner);
  }

  /** Frees what a tenant has. */
  remove(owner: object): void {
    this.#own.get(owner)?.forEach((each) => each.release());
    this.#own.delete(owner);
    this.tables.free(owner);
  }

  /** Whether all of its products are one for all tenants. */
  get isLifted(): boolean {
    return this.plan.terms.every(({ tables }) => tables !== null);
  }

  /**
   * The inputs of {@linkcode familyProduct}.
   *
   * @param ofRows the tenant of each row, or null.
   */
  feeds(prefix: string, ofRows: readonly (object | null)[]): Record<string, Feed> {
    const feeds: Record<string, Feed> = {
      [`${prefix}/groups`]: Int32Array.from(
        ofRows,
        (each) => each && this.has(each) ? this.tables.slotOf(each) : -1,
      ),
    };
    this.tables.tables.forEach((_, at) => feeds[`${prefix}/${at}`] = this.tables.placed(at));
    if (this.isLifted) return feeds;
    feeds[PLACES] = Int32Array.from(ofRows.keys());
    const members = new Set(ofRows.filter((each) => each !== null && this.has(each)));
    for (const [at, member] of [...members].entries()) {
      const name = `${prefix}/of ${at}`;
      feeds[name] = Int32Array.from(ofRows, (each) => each === member ? 0 : -1);
      for (const [part, placed] of this.#own.get(member!)!) feeds[`${name}/${part}`] = placed;
    }
    return feeds;
  }
}

/** The families of a linear layer: of different plans, and of one plan those that are full. */
export class Families {
  #all: Family[] = [];

  /** None yet. */
  constructor(readonly engine: Engine, readonly layer: string) {}

  /** As they came. */
  get all(): readonly Family[] {
    return this.#all;
  }

  /** Adds a tenant to a family of the plan; one call at a time. */
  async add(owner: object, plan: LayerPlan, terms: readonly Parts[]): Promise<void> {
    const known = this.#all.find((each) => each.plan.key === plan.key && each.tables.hasRoom);
    const family = known ?? new Family(this.engine, this.layer, plan);
    await family.add(owner, terms);
    if (!known) this.#all.push(family);
  }

  /** Frees what a tenant has, and a family with its last one. */
  remove(owner: object): void {
    this.#all.forEach((each) => each.remove(owner));
    this.#all = this.#all.filter((each) => !each.isEmpty);
  }
}

/** What a family's tenants add to their rows of x `[rows, in]`: `[rows, out]`, 0 in rows of others. */
export function familyProduct(x: Value, plan: LayerPlan, ofStep: FamilyRows): Value {
  let at = 0;
  const products = plan.terms.map((term, index) => {
    if (!term.tables) return alone(x, term, index, ofStep);
    const names = new Map(
      term.tables.map((table) => [tableKey(table), `${ofStep.prefix}/${at++}`]),
    );
    return liftProduct(term.product, term.parts, {
      x,
      groups: input(`${ofStep.prefix}/groups`, [x.shape[0]], "i32"),
      first: input(FIRST, [x.shape[0]], "i32"),
      table: (info) => {
        const type = info.layout.endsWith("mask") ? "i32" : "f32";
        return input(names.get(tableKey(info))!, [ofStep.capacity, ...info.shape], type);
      },
    })!;
  });
  return products.reduce((sum, each) => add(sum, each));
}

/**
 * A product that is not lifted, of each tenant with all rows, and kept where they are its own. One row runs beside
 * itself: products of one are summed in another order than those of several, and a row's numbers are to be its own.
 */
function alone(
  x: Value,
  { product, parts }: PlannedTerm,
  term: number,
  { prefix, members, isAlone }: FamilyRows,
): Value {
  const [rows] = x.shape;
  const products = Array.from({ length: members }, (_, member) => {
    const name = `${prefix}/of ${member}`;
    const part = (part: string) => partInput(`${name}/${term}/${part}`, parts[part]);
    const y = rows === 1
      ? submatrix(product(concatenateRows([x, x]), part), { rows: [0, 1] })
      : product(x, part);
    if (isAlone) return y;
    // Taken, not multiplied by 0 or 1: what is infinite of one tenant's numbers would be NaN in rows of others.
    const [groups, places] = [name, PLACES].map((each) => input(each, [rows], "i32"));
    return groupedRows(reshape(y, [1, ...y.shape]), groups, places);
  });
  return products.reduce((sum, each) => add(sum, each));
}
