/**
 * Reads a delta, layer by layer, into the tables of tenants: between steps, so that those who run wait for a layer at
 * most. What equals the base's is not stored again. Not here: what the tables are (`tenant_family.ts`).
 */

import { Buffer } from "node:buffer";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../checkpoint/config.ts";
import {
  byteCount,
  elementCount,
  float32Tensor,
  type FloatType,
  type RawTensor,
} from "../../checkpoint/tensor.ts";
import {
  biasOf,
  EMBEDDING,
  HEAD,
  isTable,
  layerPrefix,
  linearLayerNames,
  type LinearShape,
  nameInLayer,
  PROJECTIONS,
  storedTensor,
  tensorShape,
  type WeightSource,
  wholeTensorNames,
} from "../../checkpoint/weights.ts";
import type { CompressedLayer, LayerForm, Parts } from "../../codecs/codec.ts";
import { type AppliedModel, applyDelta, applyToCheckpoint } from "../../delta/apply.ts";
import type { Delta } from "../../delta/delta.ts";
import type { Watch } from "../../util/progress.ts";
import type { BaseWeights } from "./base_weights.ts";
import { Tenant, type TenantLayer, type TokenTable } from "./tenant.ts";
import { formMatrix } from "./formed_matrix.ts";
import { requireShared } from "./tenant_config.ts";
import { Family } from "./tenant_family.ts";
import { FORMED, formedOf, type LayerPlan, planBytes, planLayer } from "./tenant_plan.ts";
import { VectorTable } from "./tenant_vectors.ts";

/** Where tenants go. */
export interface TenantPlaces {
  readonly layers: readonly TenantLayer[];
  /** The norm before the head. */
  readonly last: TenantLayer;
  /** Does work between two steps that read them. */
  readonly between: Between;
}

/** Does work when no step runs, one after another. */
export type Between = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * Bytes that a delta takes where the engine computes, if nothing that it keeps whole equals the base's; what is formed
 * is counted as the base stores it where it is made of the base's weights, else as 32-bit floats.
 *
 * @throws {DeltaError} if a layer's form is none of its codec's.
 */
export function tenantBytes(base: WeightSource, delta: Delta): number {
  const linear = linearLayerNames(base.config).map((name) => delta.layers.get(name))
    .filter((form) => form !== undefined);
  const tables = [...delta.layers].filter(([name]) => isTable(name))
    .map(([, { shape }]) => 4 * elementCount(shape));
  const whole = [...delta.whole].map(([name, { dtype, shape }]) =>
    isTable(name) ? byteCount({ dtype, shape }) : 4 * elementCount(shape)
  );
  const bytes = [...linear.map((form) => layerBytes(base, form)), ...tables, ...whole];
  return bytes.reduce((sum, each) => sum + each, 0);
}

function layerBytes(base: WeightSource, form: LayerForm): number {
  const isOfBase = formedOf(form)?.ofBase;
  return planBytes(planLayer(form, isOfBase ? typeOf(base) : "F32"));
}

/**
 * A tenant, loaded.
 *
 * @throws {ServingError} {DeltaError} as `TenantHost.load`; what was loaded of it is freed.
 */
export async function loadTenant(
  name: string,
  base: BaseWeights,
  delta: Delta,
  places: TenantPlaces,
  watch: Watch,
): Promise<Tenant> {
  const applied = await applyTo(base.model, delta);
  requireShared(name, applied.config, base.model.config);
  const tenant = new Tenant(name, applied.config);
  const loading = new Loading(tenant, base, applied, places, watch);
  try {
    await loading.all();
    return tenant;
  } catch (error) {
    // Nobody has run it: what steps read is others'.
    await places.between(() => Promise.resolve(tenant.release()));
    throw error;
  }
}

function applyTo(base: WeightSource, delta: Delta): Promise<AppliedModel> {
  return "isNamedBy" in base
    ? applyToCheckpoint(base as Checkpoint, delta)
    : applyDelta(base, delta);
}

/** One load. */
class Loading {
  constructor(
    readonly tenant: Tenant,
    readonly base: BaseWeights,
    readonly applied: AppliedModel,
    readonly places: TenantPlaces,
    readonly watch: Watch,
  ) {}

  async all(): Promise<void> {
    const { layers, last } = this.places;
    const { onProgress, signal } = this.watch;
    const total = layers.length + 1;
    const label = `layers of ${this.tenant.name}`;
    for (const [index, layer] of layers.entries()) {
      for (const projection of PROJECTIONS) {
        signal?.throwIfAborted();
        await this.#linear(layer, layerPrefix(index) + projection);
      }
      for (const tensor of this.#vectorsOf(layerPrefix(index))) await this.#vector(layer, tensor);
      onProgress?.({ done: index + 1, total, label });
    }
    signal?.throwIfAborted();
    for (const tensor of this.#vectorsOf("model.norm.")) await this.#vector(last, tensor);
    this.tenant.embedding = await this.#table(EMBEDDING);
    signal?.throwIfAborted();
    this.tenant.head = await this.#table(HEAD);
    signal?.throwIfAborted();
    onProgress?.({ done: total, total, label });
  }

  async #linear({ families }: TenantLayer, name: string): Promise<void> {
    const { delta, config } = this.applied;
    const tensor = `${name}.weight`;
    const shape = tensorShape(config, tensor) as LinearShape;
    const { plan, terms } = await this.#planned({ ...await delta.readLayer(name), shape }, tensor);
    const inGraph = nameInLayer(name, 0);
    await this.places.between(async () => {
      const all = families.get(inGraph) ?? [];
      families.set(inGraph, all);
      const family = this.#familyOf(all, name, plan);
      await family.add(this.tenant, terms);
      this.tenant.own(planBytes(plan), () => {
        family.remove(this.tenant);
        if (family.isEmpty) all.splice(0, Infinity, ...all.filter((each) => each !== family));
      });
    });
  }

  /** A layer's plan with the parts of its terms. */
  async #planned(layer: CompressedLayer, tensor: string): Promise<PlannedLayer> {
    const formed = formedOf(layer);
    const kept = layer.terms.filter((_, term) => !formed?.terms.includes(term));
    const terms = kept.map(({ parts }) => parts);
    if (!formed) return { plan: planLayer(layer, "F32"), terms };
    const ofTerms = { ...layer, terms: formed.terms.map((term) => layer.terms[term]) };
    const start = formed.ofBase ? await readStored(this.base.model, tensor) : null;
    const matrix = await formMatrix(ofTerms, start, tensor, this.watch.signal);
    const plan = planLayer(layer, matrix.dtype as FloatType);
    return { plan, terms: [...terms, { [FORMED]: matrix }] };
  }

  #familyOf(all: Family[], name: string, plan: LayerPlan): Family {
    const found = all.find((each) => each.plan.key === plan.key && each.tables.hasRoom);
    if (found) return found;
    const family = new Family(this.base.engine, name, plan);
    all.push(family);
    return family;
  }

  /** Norms and biases whose names begin so, of base and tenant. */
  #vectorsOf(prefix: string): string[] {
    const names = [this.base.model.config, this.applied.config].flatMap(wholeTensorNames);
    return [...new Set(names)].filter((each) => each.startsWith(prefix) && !isTable(each));
  }

  async #vector({ vectors }: TenantLayer, tensor: string): Promise<void> {
    const { base: { engine, model }, applied, tenant } = this;
    const [width] = tensorShape(model.config, tensor);
    const inGraph = nameInLayer(tensor, 0);
    const ofBase = hasVector(model.config, tensor) ? await model.readFloat32(tensor) : null;
    const values = hasVector(applied.config, tensor)
      ? await applied.readFloat32(tensor)
      : new Float32Array(width);
    await this.places.between(async () => {
      const repeats = headsOf(model.config, tensor);
      const table = vectors.get(inGraph) ?? new VectorTable(engine, tensor, ofBase, width, repeats);
      vectors.set(inGraph, table);
      if (!await table.add(tenant, values)) return;
      tenant.own(table.slotBytes, () => table.remove(tenant));
    });
  }

  /** Embedding or head, if it is not the base's. */
  async #table(tensor: string): Promise<TokenTable | null> {
    const { base: { engine, model }, applied, tenant } = this;
    const { vocabularySize: vocabulary } = applied.config;
    const stored = storedTensor(applied.config, tensor);
    const ofBase = storedTensor(model.config, stored);
    const raw = await this.#readTable(stored);
    if (!raw || sameNumbers(raw, await readStored(model, ofBase))) {
      const isSame = ofBase === storedTensor(model.config, tensor);
      return isSame ? null : { placed: this.base.tensor(ofBase), vocabulary };
    }
    if (stored !== tensor && tenant.embedding) return tenant.embedding;
    const { dtype, shape } = raw as RawTensor & { dtype: FloatType };
    const placed = await engine.reserve({ dtype, shape }, tensor);
    tenant.own(placed.byteLength, () => placed.release());
    await this.places.between(() => placed.write(0, raw));
    return { placed, vocabulary };
  }

  /** What a delta has of a table; `null`: nothing. */
  async #readTable(tensor: string): Promise<RawTensor | null> {
    const { delta, base } = this.applied;
    if (delta.whole.has(tensor)) return await delta.readWhole(tensor);
    if (!delta.layers.has(tensor)) return null;
    const layer = {
      ...await delta.readLayer(tensor),
      shape: tensorShape(this.applied.config, tensor) as LinearShape,
    };
    const start = layer.role === "delta" ? await readStored(base, tensor) : null;
    return await formMatrix(layer, start, tensor, this.watch.signal);
  }
}

/** A layer as families take it. */
interface PlannedLayer {
  readonly plan: LayerPlan;
  readonly terms: readonly Parts[];
}

/** The type that a base stores its linear layers in. */
function typeOf({ config, stored }: WeightSource): FloatType {
  const [first] = linearLayerNames(config);
  return stored ? stored.info(`${first}.weight`).dtype as FloatType : "F32";
}

/** Whether a configuration has a norm or a bias. */
function hasVector(config: DecoderConfig, tensor: string): boolean {
  const bias = tensor.endsWith(".bias") ? tensor.slice(0, -".bias".length) : null;
  return bias === null || biasOf(config, bias) !== null;
}

/** Heads that share a norm. */
function headsOf({ headCount, keyValueHeadCount }: DecoderConfig, norm: string): number {
  return norm.endsWith(".q_norm.weight")
    ? headCount
    : norm.endsWith(".k_norm.weight")
    ? keyValueHeadCount
    : 1;
}

async function readStored(model: WeightSource, tensor: string): Promise<RawTensor> {
  if (model.stored) return await model.stored.read(tensor);
  return float32Tensor(await model.readFloat32(tensor), tensorShape(model.config, tensor));
}

function sameNumbers(a: RawTensor, b: RawTensor): boolean {
  return a.dtype === b.dtype && Buffer.compare(a.bytes, b.bytes) === 0;
}
