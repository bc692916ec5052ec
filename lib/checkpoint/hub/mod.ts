/** The Hugging Face Hub: names of what lies there, and bringing it here. */

export { fetchFiles, streamFile } from "./fetch_files.ts";
export { formatHubName, type HubKind, type HubName, isHubName, parseHubName } from "./hub_name.ts";
export { type HubFile, type HubRevision, openRevision, revisionName } from "./revision.ts";
export { HUB_VARIABLES, type HubSettings, useHub } from "./settings.ts";
