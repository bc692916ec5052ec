/**
 * Reads a delta, layer by layer, into the tables of tenants: between steps, so that those who run wait for a layer at
 * most. What equals the base's is not stored again. Not here: what the tables are (`tenant_family.ts`).
 */

import { Buffer } from "node:buffer";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../checkpoint/config.ts";
import { giveRoom } from "../../checkpoint/room.ts";
import { float32Tensor, type FloatType, type RawTensor } from "../../checkpoint/tensor.ts";
import {
  biasOf,
  EMBEDDING,
  HEAD,
  isTable,
  layerPrefix,
  type LinearShape,
  nameInLayer,
  PROJECTIONS,
  storedTensor,
  tensorShape,
  type WeightSource,
  wholeTensorNames,
} from "../../checkpoint/weights.ts";
import type { CompressedLayer, Parts } from "../../codecs/codec.ts";
import { type AppliedModel, applyDelta, applyToCheckpoint } from "../../delta/apply.ts";
import type { Delta } from "../../delta/delta.ts";
import type { Watch } from "../../util/progress.ts";
import type { BaseWeights } from "./base_weights.ts";
import { Tenant, type TenantLayer, TokenTable } from "./tenant.ts";
import { formMatrix } from "./formed_matrix.ts";
import { headsOf } from "./tenant_bytes.ts";
import { requireShared } from "./tenant_config.ts";
import { Families } from "./tenant_family.ts";
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
  readonly #formed = new WeakSet<RawTensor>();

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
      const ofLayer = families.get(inGraph) ?? new Families(this.base.engine, name);
      families.set(inGraph, ofLayer);
      await ofLayer.add(this.tenant, plan, terms);
      this.tenant.own(planBytes(plan), ofLayer);
    });
    for (const part of terms.flatMap((each) => Object.values(each))) this.#giveBack(part);
  }

  /** A layer's plan with the parts of its terms. */
  async #planned(layer: CompressedLayer, tensor: string): Promise<PlannedLayer> {
    const formed = formedOf(layer);
    const kept = layer.terms.filter((_, term) => !formed?.terms.includes(term));
    const terms = kept.map(({ parts }) => parts);
    if (!formed) return { plan: planLayer(layer, "F32"), terms };
    const ofTerms = { ...layer, terms: formed.terms.map((term) => layer.terms[term]) };
    const start = formed.ofBase ? await readStored(this.base.model, tensor) : null;
    const matrix = await this.#form(ofTerms, start, tensor);
    const plan = planLayer(layer, matrix.dtype as FloatType);
    return { plan, terms: [...terms, { [FORMED]: matrix }] };
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
      tenant.own(table.slotBytes, table);
    });
  }

  /** Embedding or head, if it is not the base's. */
  async #table(tensor: string): Promise<TokenTable | null> {
    const { base: { engine, model }, applied, tenant } = this;
    const { vocabularySize: vocabulary } = applied.config;
    const stored = storedTensor(applied.config, tensor);
    const ofBase = storedTensor(model.config, stored);
    const raw = await this.#readTable(stored);
    if (!raw || await this.#isOfBase(raw, ofBase)) {
      if (raw) this.#giveBack(raw);
      const isSame = ofBase === storedTensor(model.config, tensor);
      return isSame ? null : new TokenTable(this.base.tensor(ofBase), vocabulary);
    }
    if (stored !== tensor && tenant.embedding) return tenant.embedding;
    const { dtype, shape } = raw as RawTensor & { dtype: FloatType };
    const placed = await engine.reserve({ dtype, shape }, tensor);
    const table = new TokenTable(placed, vocabulary);
    tenant.own(placed.byteLength, table);
    await this.places.between(() => placed.write(0, raw));
    this.#giveBack(raw);
    return table;
  }

  async #isOfBase(raw: RawTensor, tensor: string): Promise<boolean> {
    const { model } = this.base;
    const ofBase = await readStored(model, tensor);
    const isSame = sameNumbers(raw, ofBase);
    model.stored?.giveBack?.(ofBase);
    return isSame;
  }

  /** Gives back what was read, or formed, and is not looked at any longer. */
  #giveBack(tensor: RawTensor): void {
    if (this.#formed.delete(tensor)) giveRoom(tensor.bytes);
    else this.applied.delta.giveBack?.(tensor);
  }

  async #form(layer: CompressedLayer, start: RawTensor | null, tensor: string) {
    const matrix = await formMatrix(layer, start, tensor, this.watch.signal);
    if (start) this.base.model.stored?.giveBack?.(start);
    this.#formed.add(matrix);
    return matrix;
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
    return await this.#form(layer, start, tensor);
  }
}

/** A layer as families take it. */
interface PlannedLayer {
  readonly plan: LayerPlan;
  readonly terms: readonly Parts[];
}

/** Whether a configuration has a norm or a bias. */
function hasVector(config: DecoderConfig, tensor: string): boolean {
  const bias = tensor.endsWith(".bias") ? tensor.slice(0, -".bias".length) : null;
  return bias === null || biasOf(config, bias) !== null;
}

async function readStored(model: WeightSource, tensor: string): Promise<RawTensor> {
  if (model.stored) return await model.stored.read(tensor);
  return float32Tensor(await model.readFloat32(tensor), tensorShape(model.config, tensor));
}

function sameNumbers(a: RawTensor, b: RawTensor): boolean {
  return a.dtype === b.dtype && Buffer.compare(a.bytes, b.bytes) === 0;
}
