/**
 * The reference implementation of Hugging Face's tokenizers, in Rust, as `@anush008/tokenizers` builds
 * it for each platform. Only how the native module is found; `tokenizer.ts` is its face here.
 */

import { createRequire } from "node:module";
import type { Tokenizer } from "@anush008/tokenizers";
import { TokenizerError } from "../util/errors.ts";

/** What is used of the module. */
export interface NativeModule {
  readonly Tokenizer: { fromString(definition: string): Tokenizer };
}

let loaded: NativeModule | undefined;

/**
 * The native module of this platform; loaded once. The package's own `index.js` would ask for every
 * permission of `sys` to tell one C library from another, which Deno knows.
 *
 * @throws {TokenizerError} if there is none for this platform.
 */
export function nativeTokenizers(): NativeModule {
  return loaded ??= load();
}

function load(): NativeModule {
  const { os, arch } = Deno.build;
  const cpu = arch === "aarch64" ? "arm64" : "x64";
  const platform = os === "darwin"
    ? "darwin-universal"
    : os === "windows"
    ? "win32-x64-msvc"
    : `linux-${cpu}-${Deno.build.env === "musl" ? "musl" : "gnu"}`;
  try {
    const here = createRequire(import.meta.url);
    const beside = createRequire(here.resolve("@anush008/tokenizers/package.json"));
    return beside(`@anush008/tokenizers-${platform}`) as NativeModule;
  } catch (cause) {
    throw new TokenizerError({
      problem: "the native module of @anush008/tokenizers cannot be loaded",
      value: platform,
      expected: "Linux, macOS or Windows, and --allow-ffi=node_modules",
      cause,
    });
  }
}
