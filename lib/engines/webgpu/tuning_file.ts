/** Measured tiles on disk: a small JSON file, adapter → class of products → tile. */

import { DeviceError } from "../../util/errors.ts";
import { writeFileAtomic } from "../../util/files.ts";
import { readFileIfThere } from "../../util/read_file.ts";

type Tiles = Record<string, string>;

/** A file of tiles; it need not exist yet. */
export class TuningFile {
  constructor(readonly path: string) {}

  /**
   * The tiles of an adapter by the class of products.
   *
   * @throws {DeviceError} if the file holds something else.
   */
  async read(adapter: string): Promise<Tiles> {
    return (await this.#all())[adapter] ?? {};
  }

  /**
   * Adds a tile to what the file holds.
   *
   * @throws {OutputError} if the file cannot be written.
   */
  async add(adapter: string, productClass: string, tile: string): Promise<void> {
    const all = await this.#all();
    all[adapter] = { ...all[adapter], [productClass]: tile };
    await writeFileAtomic(this.path, JSON.stringify(all, null, 2) + "\n");
  }

  async #all(): Promise<Record<string, Tiles>> {
    const expected = "a file of measured tiles";
    const bytes = await readFileIfThere(this.path, DeviceError, expected);
    const text = bytes ? new TextDecoder().decode(bytes) : "{}";
    try {
      const all: unknown = JSON.parse(text);
      if (isTable(all, (each) => isTable(each, (tile) => typeof tile === "string"))) {
        return all as Record<string, Tiles>;
      }
    } catch {
      // Refused below.
    }
    throw new DeviceError({
      problem: "does not hold measured tiles",
      file: this.path,
      value: text.slice(0, 40),
      expected:
        "JSON of tiles by adapter and product, as a run writes it; without it one is written",
    });
  }
}

function isTable(value: unknown, holds: (each: unknown) => boolean): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every(holds);
}
