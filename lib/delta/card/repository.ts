/** The repository that a text of a delta's header names: what it says is a person's, and may be anything. */

import { type HubKind, isHubName, parseHubName } from "../../checkpoint/hub/mod.ts";
import { OptionError } from "../../util/errors.ts";

/** `owner/name` of `hf:owner/name@revision`; `null` for all else. */
export function repositoryIn(text: string, kind: HubKind): string | null {
  if (!isHubName(text)) return null;
  try {
    return parseHubName(text, kind).repository;
  } catch (error) {
    if (error instanceof OptionError) return null;
    throw error;
  }
}
