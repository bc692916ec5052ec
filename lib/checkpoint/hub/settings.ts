/**
 * Where the Hub is, who asks, and where what was fetched is kept: the variables that Hugging Face's Python
 * library has, read here and nowhere else.
 *
 * Source: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */

import { join } from "node:path";
import { OptionError } from "../../util/errors.ts";
import { abortableWait } from "./waiting.ts";

/** What the room asks of the world outside. */
export interface HubSettings {
  /** The Hub's address, without a slash at its end: `https://huggingface.co`. */
  readonly endpoint: string;
  /** Goes to the endpoint's origin with each request and to no other; `null` asks without. */
  readonly token: string | null;
  /** The folder of `models--owner--name` and others. */
  readonly cache: string;
  /** The variable that forbids to ask the network, if one does. */
  readonly offline: string | null;
  /** Waits so many milliseconds; throws the signal's reason. */
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds after which a server that says nothing counts as gone. */
  readonly silence: number;
  /** Bytes of one request of several for a large file. */
  readonly part: number;
}

/** The variables that are read, for the permissions of a program that fetches. */
export const HUB_VARIABLES: readonly string[] = [
  ...["HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HOME"],
  ...["USERPROFILE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"],
  ...["HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"],
];

/** Variables of the environment by their names; an empty one is none. */
type Variables = (name: string) => string | undefined;

let own: Partial<HubSettings> = {};

/**
 * Uses settings in the place of those of the environment, until the result is disposed of.
 *
 * @example
 * ```ts
 * import { useHub } from "@bitdelta/workspace";
 *
 * // From here to the end of the block nothing is asked of the network.
 * using _ = useHub({ offline: "a reader of this example" });
 * ```
 */
export function useHub(settings: Partial<HubSettings>): Disposable {
  const before = own;
  own = { ...before, ...settings };
  return { [Symbol.dispose]: () => void (own = before) };
}

/**
 * The settings as they are now.
 *
 * @param variable a variable of the environment by its name.
 * @throws {OptionError} if a variable says what cannot be.
 */
export async function hubSettings(
  variable: Variables = (name) => Deno.env.get(name),
): Promise<HubSettings> {
  return {
    endpoint: own.endpoint ?? endpointOf(variable("HF_ENDPOINT") || undefined),
    token: own.token === undefined ? await tokenOf(variable) : own.token,
    cache: own.cache ?? cacheFolder(variable),
    offline: own.offline === undefined ? offlineBy(variable) : own.offline,
    wait: own.wait ?? abortableWait,
    now: own.now ?? Date.now,
    silence: own.silence ?? 60_000,
    part: own.part ?? 32 * 2 ** 20,
  };
}

function endpointOf(given: string | undefined): string {
  const text = (given ?? "https://huggingface.co").replace(/\/+$/, "");
  const url = URL.parse(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "" && url.search === "" && url.hash === "";
  if (isPlain) return text;
  throw new OptionError({
    problem: "is no address of a Hub",
    option: "HF_ENDPOINT",
    // One with a password in it is shown to nobody.
    value: text.includes("@") ? "an address with a user's name in it" : text,
    expected: "https://host, as of a mirror; a token goes in HF_TOKEN",
  });
}

function cacheFolder(variable: Variables): string {
  const named = variable("HF_HUB_CACHE") || variable("HUGGINGFACE_HUB_CACHE");
  return named ? expanded(named, variable) : join(home(variable), "hub");
}

/** Hugging Face's own folder. */
function home(variable: Variables): string {
  const named = variable("HF_HOME");
  if (named) return expanded(named, variable);
  return join(expanded(variable("XDG_CACHE_HOME") || "~/.cache", variable), "huggingface");
}

/** A path in which `~` is the user's folder. */
function expanded(path: string, variable: Variables): string {
  if (!/^~(?=[/\\]|$)/.test(path)) return path;
  const user = variable("HOME") || variable("USERPROFILE");
  if (user) return user + path.slice(1);
  throw new OptionError({
    problem: "there is no folder for what the Hugging Face Hub sends",
    option: "HOME",
    expected: "HOME, or HF_HOME or HF_HUB_CACHE, which name one",
  });
}

async function tokenOf(variable: Variables): Promise<string | null> {
  if (isTrue(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return null;
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const token = cleaned(variable(name));
    if (token !== null) return checked(token, name);
  }
  const named = variable("HF_TOKEN_PATH");
  const path = named ? expanded(named, variable) : join(home(variable), "token");
  const text = await Deno.readTextFile(path).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) return "";
    const expected = "a file with a token, or HF_TOKEN";
    throw new OptionError({ problem: "cannot be read", file: path, expected, cause });
  });
  const token = cleaned(text);
  return token === null ? null : checked(token, path);
}

function cleaned(text = ""): string | null {
  return text.replace(/[\r\n]/g, "").trim() || null;
}

/** Never shows the token. */
function checked(token: string, option: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new OptionError({
    problem: "holds no token of the Hugging Face Hub",
    option,
    expected: "hf_…, letters and digits alone",
  });
}

function offlineBy(variable: Variables): string | null {
  return ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].find((name) => isTrue(variable(name))) ?? null;
}

function isTrue(value = ""): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value.toUpperCase());
}
