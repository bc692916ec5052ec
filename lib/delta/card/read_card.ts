/** What a model's own card says that goes for what is made of it: its licence. */

import { join } from "node:path";
import { load, YAMLException } from "js-yaml";
import { CheckpointError } from "../../util/errors.ts";
import { readFileIfThere } from "../../util/read_file.ts";
import type { CardLicense } from "./model_card.ts";

/**
 * The licence that a folder's `README.md` names.
 *
 * @returns `null` if there is no card, or none that can be read, or it names no licence.
 * @throws {CheckpointError} if the file is there and is no file.
 */
export async function licenseOf(folder: string): Promise<CardLicense | null> {
  const bytes = await readFileIfThere(join(folder, "README.md"), CheckpointError, "a model card");
  return bytes === undefined ? null : licenseIn(new TextDecoder().decode(bytes));
}

/** The licence that a card's text names. */
export function licenseIn(card: string): CardLicense | null {
  const block = /^\ufeff?---\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)/s.exec(card)?.[1];
  const fields = block === undefined ? null : parsed(block);
  const text = (name: string) => {
    const value = fields?.[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const license = text("license");
  if (license === undefined) return null;
  const [name, link] = [text("license_name"), text("license_link")];
  return { license, ...name && { name }, ...link && { link } };
}

/** A person wrote it: what cannot be read says nothing, and is in nobody's way. */
function parsed(block: string): Record<string, unknown> | null {
  try {
    const value = load(block);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : null;
  } catch (error) {
    if (error instanceof YAMLException) return null;
    throw error;
  }
}
