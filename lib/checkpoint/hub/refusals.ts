/** What the Hub refuses, and what helps: which page to visit, which variable to set. */

import { HubError, HubRefusalError } from "../../util/errors.ts";
import { formatHubName, type HubKind } from "./hub_name.ts";
import type { HubSettings } from "./settings.ts";

/** What was asked for. */
export interface HubPlace {
  readonly kind: HubKind;
  readonly repository: string;
  readonly revision: string;
  /** `""`: the repository. */
  readonly path: string;
}

/** What the Hub calls a kind in its addresses. */
export const KIND_PATH: Readonly<Record<HubKind, string>> = { model: "", dataset: "datasets/" };

const KIND_WORD: Readonly<Record<HubKind, string>> = { model: "model", dataset: "data set" };

/** The page of a repository. */
export function pageOf({ endpoint }: HubSettings, { kind, repository }: HubPlace): string {
  return `${endpoint}/${KIND_PATH[kind]}${repository}`;
}

/**
 * The error for an answer that is none. What the server says in its own words is not shown: it could repeat
 * the token.
 */
export function refusal(settings: HubSettings, place: HubPlace, response: Response): HubError {
  const { status } = response;
  const code = response.headers.get("X-Error-Code");
  const [problem, expected] = wordsFor(settings, place, status, code);
  const isFinal = code !== null || [401, 403, 404].includes(status);
  const Kind = isFinal ? HubRefusalError : HubError;
  return new Kind({ problem, file: formatHubName(place), expected });
}

function wordsFor(
  settings: HubSettings,
  place: HubPlace,
  status: number,
  code: string | null,
): [problem: string, expected: string] {
  const page = pageOf(settings, place);
  const kind = KIND_WORD[place.kind];
  const isKnown = settings.token !== null;
  if (code === "GatedRepo") {
    return isKnown
      ? ["is gated and not open to the account of this token", `access, asked for at ${page}`]
      : [
        "is gated",
        `access, asked for at ${page}, and HF_TOKEN set to a token of the account that has it`,
      ];
  }
  if (code === "RevisionNotFound") {
    return [`there is no revision '${place.revision}'`, `a branch, tag or commit of ${page}`];
  }
  if (code === "EntryNotFound") return ["there is no such file", `a file that ${page} lists`];
  if (status === 401 || status === 404 || code === "RepoNotFound") {
    return isKnown
      ? [
        `there is no such ${kind}, or the token may not see it`,
        `a ${kind} at ${page}, and a valid token in HF_TOKEN of an account that may read it`,
      ]
      : [
        `there is no such ${kind}, or it is private`,
        `a ${kind} at ${page}; for a private one HF_TOKEN has to be set`,
      ];
  }
  if (status === 403) {
    const who = isKnown ? "a token in HF_TOKEN that may" : "HF_TOKEN set to a token that may";
    return ["may not be read", `${who}; see ${page}`];
  }
  return [`is refused with status ${status}`, `an answer of ${settings.endpoint}`];
}
