/**
 * The models of a server by name: the base, and its tenants with where their deltas lie and what they are. Keeps the
 * manifest. Not here: memory (`residency.ts`), routes (`models.ts`).
 */

import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { appliedConfig } from "../../delta/applied_config.ts";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import { openDelta } from "../../delta/delta_file.ts";
import type { Watch } from "../../util/progress.ts";
import type { TenantDirectory, TenantStanding } from "../tenant_directory.ts";
import { ApiError } from "./api_error.ts";
import { type DeltaPlace, type DeltasFolder, isTenantName } from "./deltas_folder.ts";
import type { Log } from "./log.ts";
import type { Manifest, ManifestEntry } from "./manifest.ts";
import { type DeltaFacts, openFor, readFacts } from "./tenant_delta.ts";
import { type TenantTexts, tenantTexts } from "./tenant_texts.ts";

/** What a catalogue is of. */
export interface CatalogueParts {
  readonly base: Checkpoint;
  /** The name that the base is asked for by. */
  readonly name: string;
  readonly texts: TenantTexts;
  readonly folder: DeltasFolder;
  readonly directory: TenantDirectory;
  /** `null`: nothing is kept. */
  readonly manifest: Manifest | null;
  readonly log: Log;
}

interface Known {
  readonly place: DeltaPlace;
  facts?: Promise<DeltaFacts>;
  texts?: Promise<TenantTexts>;
}

/** Models by name. */
export class Catalogue {
  readonly #known = new Map<string, Known>();
  /** What the manifest says of tenants that are not back yet. It goes on saying so. */
  readonly #missing = new Map<string, ManifestEntry>();
  readonly #ended = new AbortController();
  #keeping: Promise<void> | null = null;
  #isStale = false;

  /** Nothing is known yet but the base. */
  constructor(readonly parts: CatalogueParts) {
    parts.directory.onChange(() => void this.#keepQuietly(), this.#ended.signal);
  }

  /**
   * Makes known what lies in the folder, also by the names that the manifest has for it, and what the manifest is to
   * go on saying. Loads and fetches nothing.
   */
  async list(): Promise<void> {
    const { folder, manifest } = this.parts;
    const entries = manifest?.entries ?? [];
    for (const entry of entries) {
      this.#missing.set(entry.name, entry);
      if (isHubName(entry.source)) continue;
      // What is not there is told of when it is to be brought back.
      const place = await folder.find(entry.source).catch(() => null);
      if (place !== null) this.#add(entry.name, place);
    }
    for (const place of await folder.list()) {
      const { name } = place;
      if (name !== this.parts.name && !this.#missing.has(name)) this.#add(name, place);
    }
  }

  /**
   * Brings back what the manifest names, pinned tenants first. One that cannot be loaded is logged, and stays in the
   * manifest.
   */
  async restore(): Promise<void> {
    const { log } = this.parts;
    const rank = ({ pinned }: ManifestEntry) => pinned ? 0 : 1;
    const entries = [...this.#missing.values()].toSorted((a, b) => rank(a) - rank(b));
    for (const { name: tenant } of entries) {
      const entry = this.#missing.get(tenant);
      // Loaded or deleted meanwhile.
      if (entry === undefined) continue;
      try {
        await this.#restore(entry);
        this.#missing.delete(tenant);
        log("info", "restored", { tenant });
      } catch (error) {
        log("error", "not restored", { tenant, message: (error as Error).message });
      }
    }
    if (entries.length > 0) await this.#keepQuietly();
  }

  async #restore({ name, source, pinned, loaded }: ManifestEntry): Promise<void> {
    const { folder, directory } = this.parts;
    if (!this.#known.has(name)) this.#add(name, await folder.find(source));
    directory.pin(name, pinned);
    if (loaded) (await directory.load(name)).release();
  }

  /** Names of all tenants, in the order in which they came. */
  names(): string[] {
    return [...this.#known.keys()].filter((name) => this.parts.directory.tenant(name) !== null);
  }

  /** How a model stands; `null`: it is the base. @throws {ApiError} if there is none of the name. */
  standing(name: string, option = "model"): TenantStanding | null {
    if (name === this.parts.name) return null;
    const standing = this.parts.directory.tenant(name);
    return standing !== null && this.#known.has(name) ? standing : this.refuse(name, option);
  }

  /** @throws {ApiError} that there is no model of the name, or none for who asks. */
  refuse(model: string, option = "model"): never {
    const expected = "one of GET /v1/models";
    const fault = { problem: "is no model here", option, value: model, expected };
    throw new ApiError("noModel", fault);
  }

  /** What its header says. @throws {DeltaError} if it cannot be read. */
  async facts(name: string): Promise<DeltaFacts> {
    const known = this.#entry(name);
    known.facts ??= readFacts(known.place.path);
    try {
      return await known.facts;
    } catch (error) {
      // A file that is mended is read again.
      known.facts = undefined;
      throw error;
    }
  }

  /** What makes its tokens. @throws {TokenizerError} if files of its own cannot be read. */
  async texts(name: string): Promise<TenantTexts> {
    const { base, texts } = this.parts;
    if (name === this.parts.name) return texts;
    const known = this.#entry(name);
    known.texts ??= (async () => {
      using delta = await openDelta(known.place.path);
      const config = await appliedConfig(base.config, delta, base.name);
      return await tenantTexts(known.place.folder, texts, base, config);
    })();
    try {
      return await known.texts;
    } catch (error) {
      known.texts = undefined;
      throw error;
    }
  }

  /** Where its delta lies, as it was named. */
  source(name: string): string {
    return this.#entry(name).place.source;
  }

  /**
   * Makes a tenant of a delta, or takes the one that it is already, and loads it.
   *
   * @returns its name.
   * @throws {ApiError} if the name is another's or cannot be one.
   * @throws as {@linkcode DeltasFolder.find}, and what loading throws; nothing is left of it then.
   */
  async load(source: string, given: string | undefined, watch: Watch): Promise<string> {
    const { folder, directory, name: base } = this.parts;
    const place = await folder.find(source, watch);
    const name = given ?? place.name;
    if (!isTenantName(name)) {
      const expected = "letters, digits and _ . + -, in parts with / between them";
      throw new ApiError("invalid", { problem: "is no name", option: "id", value: name, expected });
    }
    const other = this.#known.get(name);
    // One that is deleted has its name until what runs of it has ended.
    const isTaken = other === undefined
      ? directory.tenant(name) !== null
      : other.place.source !== place.source;
    if (name === base || isTaken) {
      const expected = "a name that no model has";
      const fault = { problem: "is another model's name", option: "id", value: name, expected };
      throw new ApiError("conflict", fault);
    }
    if (other === undefined) this.#add(name, place);
    this.#missing.delete(name);
    try {
      (await directory.load(name)).release();
    } catch (error) {
      if (other === undefined) await this.#forget(name);
      throw error;
    }
    await this.#keep();
    return name;
  }

  /** As {@linkcode TenantDirectory.pin}, once it is kept. */
  async pin(name: string, isPinned: boolean): Promise<void> {
    this.#entry(name);
    this.parts.directory.pin(name, isPinned);
    const missing = this.#missing.get(name);
    if (missing !== undefined) this.#missing.set(name, { ...missing, pinned: isPinned });
    await this.#keep();
  }

  /** Forgets a tenant: no request of it begins any more. The file stays. Those that run come to their end. */
  async delete(name: string): Promise<void> {
    this.#entry(name);
    await this.#forget(name);
    await this.#keep();
  }

  /** Stops keeping the manifest, which says from now on what it says. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#keeping?.catch(() => {});
  }

  #entry(name: string): Known {
    const known = this.#known.get(name);
    return known ?? this.refuse(name);
  }

  #add(name: string, place: DeltaPlace): void {
    const { directory, base } = this.parts;
    directory.add(name, { open: () => openFor(place.path, base) });
    this.#known.set(name, { place });
  }

  async #forget(name: string): Promise<void> {
    this.#known.delete(name);
    this.#missing.delete(name);
    await this.parts.directory.remove(name);
  }

  /** As {@linkcode Catalogue.#keep}, where nobody waits for it who could be told. */
  async #keepQuietly(): Promise<void> {
    await this.#keep().catch(({ message }) =>
      this.parts.log("error", "manifest not written", { message })
    );
  }

  /**
   * Writes the manifest until it says how things stand; many changes are one writing.
   *
   * @throws {OutputError} if it cannot be written.
   */
  async #keep(): Promise<void> {
    const { manifest } = this.parts;
    if (manifest === null) return;
    this.#isStale = true;
    await (this.#keeping ??= this.#write(manifest));
  }

  async #write(manifest: Manifest): Promise<void> {
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await manifest.write(this.#kept());
      }
    } finally {
      this.#keeping = null;
    }
  }

  #kept(): ManifestEntry[] {
    const entries = this.parts.directory.tenants().flatMap(({ name, state, pinned }) => {
      const known = this.#known.get(name);
      const loaded = state === "loaded" || state === "loading";
      const isKept = loaded || pinned || known && isHubName(known.place.source);
      return known && isKept && state !== "leaving" && !this.#missing.has(name)
        ? [{ name, source: known.place.source, pinned, loaded }]
        : [];
    });
    return [...entries, ...this.#missing.values()];
  }
}
