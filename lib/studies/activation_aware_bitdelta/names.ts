/**
 * What the study's tables, captions and sentences call domains and models. Legends have `figures/models.ts`.
 */

import type { ModelName } from "../../figures/models.ts";
import type { Domain } from "../../texts/domains.ts";

/** Domains as a reader knows them: `wikitext` names general text, which ours is not taken from. */
export const domainNames: Readonly<Record<Domain, string>> = {
  code: "code",
  health: "health",
  finance: "finance",
  wikitext: "general text",
};

/** A model in a sentence: `"fine-tune"`, `"distilled (corrected)"`. */
export function modelText({ method, variant }: ModelName): string {
  const name = method === "fine" ? "fine-tune" : method;
  return variant === null ? name : `${name} (${variant})`;
}

/** A text as it begins a sentence or heads a column. */
export function capitalized(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
