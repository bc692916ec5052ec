/**
 * The weights of a base and of tenants on it, for steps whose rows are of any of them: tenants are loaded and freed
 * between steps. Not here: how a tenant is read (`tenant_loading.ts`), and what a step's graphs are
 * (`tenant_step.ts`).
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { EMBEDDING, HEAD, nameInLayer, storedTensor } from "../../checkpoint/weights.ts";
import type { Delta } from "../../delta/delta.ts";
import type { Feed, Placed } from "../../graph/engine.ts";
import { ServingError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { type BaseWeights, GROUPS } from "./base_weights.ts";
import type { RowWeights, StepPart, StepShape, StepWeights } from "./row_weights.ts";
import { type Tenant, type TenantLayer, TokenTable } from "./tenant.ts";
import { tenantBytes } from "./tenant_bytes.ts";
import { type Between, loadTenant } from "./tenant_loading.ts";
import { type PreparedPart, prepareLayer, prepareTable, type RowOwner } from "./tenant_step.ts";

/** Compositions of rows that are kept prepared: those of the sequences that run. */
const MOST_PREPARED = 16;

/** Parts of a step's model, prepared for its rows. */
type Prepared = ReadonlyMap<StepPart, PreparedPart>;

/** Weights of a base and tenants. Dispose of it to free what tenants have; the base stays. */
export class TenantWeights implements RowWeights, Disposable {
  readonly #tenants = new Map<string, Tenant>();
  readonly #loading = new Map<string, Promise<Tenant>>();
  readonly #closing = new AbortController();
  readonly #layers: readonly TenantLayer[];
  /** The norm before the head. */
  readonly #last: TenantLayer = newLayer();
  readonly #prepared = new Map<string, Prepared>();

  /** No tenants yet. */
  constructor(readonly base: BaseWeights) {
    this.#layers = Array.from({ length: base.model.config.layerCount }, newLayer);
  }

  /** Bytes of each tenant where the engine computes. */
  get tenants(): ReadonlyMap<string, number> {
    return new Map([...this.#tenants].map(([name, { byteLength }]) => [name, byteLength]));
  }

  /** Bytes that a delta would take, if nothing of it equals the base. */
  bytesOf(delta: Delta): number {
    return tenantBytes(this.base.model, delta);
  }

  configOf(tenant: string | null): DecoderConfig {
    return this.#ownerOf(tenant)?.config ?? this.base.model.config;
  }

  /** As `TenantHost.load`, in turns with steps. */
  async load(name: string, delta: Delta, between: Between, watch: Watch = {}): Promise<void> {
    if (this.#tenants.has(name) || this.#loading.has(name)) {
      const expected = "a name that no tenant has";
      throw new ServingError({ problem: "is taken", option: "name", value: name, expected });
    }
    // Tables that grow lie elsewhere: no step after may be fed what was prepared before.
    const changing: Between = (work) => between(() => work().finally(() => this.#prepared.clear()));
    const places = { layers: this.#layers, last: this.#last, between: changing };
    const signal = AbortSignal.any([this.#closing.signal, ...watch.signal ? [watch.signal] : []]);
    const loading = loadTenant(name, this.base, delta, places, { ...watch, signal });
    this.#loading.set(name, loading);
    try {
      const tenant = await loading;
      this.#tenants.set(name, tenant);
    } finally {
      this.#loading.delete(name);
    }
  }

  /** Frees what a tenant has, once the step that runs now is done; nobody may run rows of it any more. */
  unload(name: string, between: Between): void {
    const tenant = this.#ownerOf(name)!;
    this.#tenants.delete(name);
    void between(() => {
      tenant.release();
      this.#prepared.clear();
      return Promise.resolve();
    });
  }

  async begin(step: StepShape, tenants: readonly (string | null)[]): Promise<StepWeights> {
    const prepared = this.#prepare(step, tenants);
    const { engine } = this.base;
    const groups = this.base.groups(step, tenants.length);
    const numbers = [...prepared.values()].flatMap(({ feeds }) => Object.values(feeds))
      .filter((each) => each instanceof Int32Array);
    const placed = new Map<Feed, Placed>();
    for (const each of new Set([groups, ...numbers])) placed.set(each, await engine.place(each));
    return {
      key: (part) => prepared.get(part)!.key,
      context: (part) => prepared.get(part)!.context(this.base.context(step)),
      feeds: (part, inputs) => {
        const { feeds } = prepared.get(part)!;
        const feedOf = (name: string): Feed => {
          const feed = name === GROUPS ? groups : feeds[name];
          if (feed) return placed.get(feed) ?? feed;
          return this.base.tensor(typeof part === "number" ? nameInLayer(name, part) : name);
        };
        return Object.fromEntries(inputs.map((name) => [name, feedOf(name)]));
      },
      [Symbol.dispose]: () => placed.values().forEach((each) => each.release()),
    };
  }

  /** Stops loads, those that are asked for later too. */
  async stop(): Promise<void> {
    const problem = "the model was closed while a tenant was loaded";
    this.#closing.abort(new ServingError({ problem, expected: "a model that stays open" }));
    await Promise.allSettled(this.#loading.values());
  }

  /** Frees all tenants; there must be no runs and no loads. */
  [Symbol.dispose](): void {
    this.#tenants.values().forEach((each) => each.release());
    this.#tenants.clear();
  }

  #prepare({ rows }: StepShape, tenants: readonly (string | null)[]): Prepared {
    const name = JSON.stringify([rows, tenants]);
    const prepared = this.#prepared.get(name) ?? this.#prepareParts(rows, tenants);
    this.#prepared.delete(name);
    this.#prepared.set(name, prepared);
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size <= MOST_PREPARED) break;
      this.#prepared.delete(oldest);
    }
    return prepared;
  }

  #prepareParts(rows: number, tenants: readonly (string | null)[]): Prepared {
    const { config } = this.base.model;
    const owners: RowOwner[] = tenants.map((each) => this.#ownerOf(each));
    while (owners.length < rows) owners.push(undefined);
    const known = new Map<string, Int32Array>();
    const intern = (numbers: Int32Array) => {
      const found = known.get(`${numbers}`) ?? numbers;
      known.set(`${numbers}`, found);
      return found;
    };
    const tableOf = (tensor: string) =>
      new TokenTable(this.base.tensor(storedTensor(config, tensor)), config.vocabularySize);
    const prepared = new Map<StepPart, PreparedPart>();
    prepared.set(
      "embedding",
      prepareTable("embedding", config, tableOf(EMBEDDING), owners, intern),
    );
    for (const [index, layer] of this.#layers.entries()) {
      prepared.set(index, prepareLayer(config, layer, owners, intern));
    }
    const norm = prepareLayer(config, this.#last, owners, intern);
    const head = prepareTable("head", config, tableOf(HEAD), owners, intern);
    prepared.set("head", {
      key: JSON.stringify([norm.key, head.key]),
      feeds: { ...norm.feeds, ...head.feeds },
      context: (ofBase) => head.context(norm.context(ofBase)),
    });
    return prepared;
  }

  #ownerOf(name: string | null): Tenant | null {
    if (name === null) return null;
    const found = this.#tenants.get(name);
    if (found) return found;
    const expected = [...this.#tenants.keys()].join(", ") || "one that is loaded first";
    throw new ServingError({ problem: "is no tenant", option: "name", value: name, expected });
  }
}

function newLayer(): TenantLayer {
  return { families: new Map(), vectors: new Map() };
}
