/**
 * Keys of clients: a file of entries that hold a hash of each key, never a key. A key is 256 random bits, so that one
 * SHA-256 hides it as well as a slow hash would. Not here: how much a key may ask for a minute (`allowance.ts`).
 */

import { timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { sha256 } from "../../util/canonical.ts";
import { OptionError, OutputError } from "../../util/errors.ts";
import { isThere, writeFileAtomic } from "../../util/files.ts";
import { firstIssue, readJsonFile } from "../../util/json_file.ts";
import { ApiError } from "./api_error.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const entrySchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, "letters, digits, '_', '.', '-', 64 at most")),
  hash: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits")),
  tenants: v.optional(v.array(v.string()), ["*"]),
  manages: v.optional(v.boolean(), false),
  requestsPerMinute: v.optional(count),
  tokensPerMinute: v.optional(count),
  concurrent: v.optional(count),
});
const fileSchema = v.strictObject({ keys: v.array(entrySchema) });
const FILE = { mostBytes: 1e7, expected: 'a JSON object { "keys": […] } of entries of keys' };

/** What a key may do. */
export interface KeyEntry {
  /** What logs call it. */
  readonly name: string;
  /** `sha256:` and that of the key, in hex. */
  readonly hash: string;
  /** Models that it may use, by their names; `"*"` is all of them. */
  readonly tenants: readonly string[];
  /** Whether it may load, unload and pin deltas, and read metrics. */
  readonly manages: boolean;
  /** Requests that it may make a minute. */
  readonly requestsPerMinute?: number;
  /** Tokens of prompts and answers that it may come to a minute. */
  readonly tokensPerMinute?: number;
  /** Requests that it may have running. */
  readonly concurrent?: number;
}

/** Who asks where no keys are asked for. */
export const ANYONE: KeyEntry = { name: "anyone", hash: "", tenants: ["*"], manages: true };

/**
 * Reads a file of keys.
 *
 * @throws {OptionError} if it cannot be read, names an entry twice or has none.
 *
 * @example
 * ```ts
 * import { OptionError, readKeys } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const file = await Deno.makeTempFile();
 * await Deno.writeTextFile(file, '{ "keys": [] }');
 * await assert.rejects(readKeys(file), OptionError);
 * await Deno.remove(file);
 * ```
 */
export async function readKeys(path: string): Promise<readonly KeyEntry[]> {
  const { json } = await readJsonFile(path, OptionError, FILE);
  const parsed = v.safeParse(fileSchema, json);
  if (!parsed.success) {
    const problem = "is no file of keys";
    throw new OptionError({ problem, file: path, ...firstIssue(parsed.issues) });
  }
  const { keys } = parsed.output;
  const twice = keys.find(({ name }, at) => keys.findIndex((each) => each.name === name) !== at);
  if (keys.length > 0 && twice === undefined) return keys;
  const problem = twice ? "has two entries of a name" : "has no entry, so that nobody could ask";
  throw new OptionError({ problem, file: path, value: twice?.name, expected: FILE.expected });
}

/**
 * Makes a key, and its entry in a file that is made if need be.
 *
 * @returns the key, which is nowhere else.
 * @throws {OptionError} if the file is none of keys, or has an entry of this name; {OutputError} if it cannot be
 * written.
 *
 * @example
 * ```ts
 * import { addKey, readKeys } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const file = `${await Deno.makeTempDir()}/keys.json`;
 * const key = await addKey(file, { name: "alice", tenants: ["health"], tokensPerMinute: 10_000 });
 * assert.match(key, /^sk-/);
 * assert.ok(!JSON.stringify(await readKeys(file)).includes(key));
 * ```
 */
export async function addKey(
  path: string,
  entry: Partial<KeyEntry> & Pick<KeyEntry, "name">,
): Promise<string> {
  const random = crypto.getRandomValues(new Uint8Array(32));
  const key = `sk-${random.toBase64({ alphabet: "base64url", omitPadding: true })}`;
  const made = v.safeParse(entrySchema, { ...entry, hash: `sha256:${sha256(key)}` });
  if (!made.success) {
    throw new OptionError({ problem: "cannot be an entry", ...firstIssue(made.issues) });
  }
  const others = await isThere(path) ? await readKeys(path) : [];
  if (others.some(({ name }) => name === entry.name)) {
    const problem = "has an entry of this name";
    throw new OptionError({ problem, file: path, value: entry.name, expected: "another name" });
  }
  const json = { keys: [...others, made.output] };
  await writeFileAtomic(path, JSON.stringify(json, null, 2) + "\n");
  // Hashes of keys are no secrets, yet nobody else's business.
  await Deno.chmod(path, 0o600).catch((cause) => {
    const expected = "a file of this user's";
    throw new OutputError({ problem: "cannot be kept from others", file: path, expected, cause });
  });
  return key;
}

/**
 * The entry of the key that a request shows. All entries are compared, each in a time that does not depend on how
 * much of it agrees.
 *
 * @param keys `null`: none are asked for.
 * @throws {ApiError} if it shows none, or one that is unknown.
 */
export function authenticate(request: Request, keys: readonly KeyEntry[] | null): KeyEntry {
  if (keys === null) return ANYONE;
  const [, shown] = request.headers.get("Authorization")?.match(/^Bearer +(\S{1,512}) *$/i) ?? [];
  const expected = "Authorization: Bearer and a key that is known here";
  if (shown === undefined) throw new ApiError("noKey", { problem: "shows no key", expected });
  const hash = new TextEncoder().encode(`sha256:${sha256(shown)}`);
  let found: KeyEntry | undefined;
  for (const entry of keys) {
    if (timingSafeEqual(hash, new TextEncoder().encode(entry.hash))) found = entry;
  }
  if (found !== undefined) return found;
  throw new ApiError("noKey", { problem: "shows a key that is not known", expected });
}

/** Whether a key may use a model. */
export function mayUse({ tenants }: KeyEntry, model: string): boolean {
  return tenants.includes("*") || tenants.includes(model);
}
