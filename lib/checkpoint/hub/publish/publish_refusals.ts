/** What the Hub refuses when something is to be published there, and what helps. */

import { HubError } from "../../../util/errors.ts";
import { formatHubName } from "../hub_name.ts";
import { type HubPlace, pageOf } from "../refusals.ts";
import type { HubSettings } from "../settings.ts";

/** What was being done. */
export type PublishStep = "looking" | "creating" | "branching" | "sending" | "committing";

const DOING: Readonly<Record<PublishStep, string>> = {
  looking: "cannot be looked at",
  creating: "cannot be created",
  branching: "cannot be given this branch",
  sending: "files cannot be sent",
  committing: "cannot be committed to",
};

/** The error for a refusal with this status. The server's own words are not shown: they could repeat the token. */
export function publishRefusal(
  settings: HubSettings,
  place: HubPlace,
  step: PublishStep,
  status: number,
): HubError {
  return new HubError({
    problem: DOING[step],
    file: formatHubName(place),
    value: `status ${status}`,
    expected: helpFor(settings, place, step, status),
  });
}

function helpFor(
  settings: HubSettings,
  place: HubPlace,
  step: PublishStep,
  status: number,
): string {
  const { endpoint } = settings;
  const [owner] = place.repository.split("/");
  const page = pageOf(settings, place);
  switch (status) {
    case 301:
    case 307:
    case 308:
      return "the name that the repository has now; it was given another";
    case 401:
      return `a valid token in HF_TOKEN, made at ${endpoint}/settings/tokens`;
    case 403:
      return step === "sending"
        ? "an address that has not run out; run the same command again"
        : `a token in HF_TOKEN that may write for '${owner}', made at ${endpoint}/settings/tokens`;
    case 404:
      return `${page}, which the token may write to, and its revision '${place.revision}'; or the ` +
        "Hub's address in HF_ENDPOINT";
    case 409:
    case 412:
      return "nobody else to write there meanwhile; run the same command again";
    case 413:
      return "files that the Hub takes in one request; large ones have to be in Git LFS, see " +
        `${page}/blob/main/.gitattributes`;
    case 400:
    case 422:
      return "a name and files that the Hub allows: its pages on repositories say which";
    default:
      return `an answer as ${endpoint} gives it; HF_ENDPOINT names another`;
  }
}
