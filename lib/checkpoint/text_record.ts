/** JSON objects of texts: the metadata of a safetensors header, the map of an index of shards. */

/** Whether a value is an object, no list, of texts alone. */
export function isTextRecord(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((each) => typeof each === "string");
}
