/**
 * What code a number depends on, as a hash: of the files that a measurement's own files reach by their
 * imports, each in its normal form, and of the packages among these by name and version.
 *
 * Files count by their names and by what they do; comments, layout, types and local names do not
 * (`normal_form.ts`). The lists of all methods and of all codecs are not followed, nor what methods of one kind
 * alone take, else a new one would measure everything again: whoever asks names those in use. Nor are kernels of ops
 * that served rows alone are computed with, which nothing that is measured has.
 */

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../util/errors.ts";
import { readTextAs } from "../util/read_file.ts";
import { type NormalForm, normalForm } from "./normal_form.ts";

/** Files that name everything of a kind, and those that methods or ops of one kind alone take. */
const NOT_FOLLOWED: readonly string[] = [
  "lib/engines/onnx/team/kernels.ts",
  "lib/codecs/mod.ts",
  "lib/methods/mod.ts",
  "lib/methods/choose.ts",
  "lib/methods/allocation/allocate.ts",
];

/** The code of one project. Each file is read once. */
export class ProjectCode {
  readonly #files = new Map<string, Promise<NormalForm>>();
  readonly #identities = new Map<string, Promise<string>>();
  #packages: Promise<Readonly<Record<string, string>>> | undefined;

  /**
   * @param root the project's folder, with its `deno.json`; it ends with a slash.
   * @param normal what finds the normal form of a file's text.
   */
  constructor(readonly root: URL, private readonly normal = normalForm) {}

  /**
   * The identity of what these files reach, themselves among it: 64 hexadecimal digits.
   *
   * @param files URLs; their order does not count.
   * @throws {InputError} if there is no such file, as of a method that was defined in a notebook's cell.
   * @throws {SyntaxError} if a file cannot be parsed, or an import not be followed.
   */
  identity(files: readonly string[]): Promise<string> {
    const roots = [...new Set(files)].sort();
    const name = roots.join("\n");
    const made = this.#identities.get(name) ?? this.#identify(roots);
    this.#identities.set(name, made);
    return made;
  }

  async #identify(roots: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const reached = new Set(roots);
    for (const href of reached) {
      if (!href.startsWith("file:")) {
        lines.push(href);
        continue;
      }
      const { text, imports, texts } = await this.#file(href);
      lines.push(`${this.#nameOf(href)} ${createHash("sha256").update(text).digest("hex")}`);
      for (const each of imports) {
        const target = await this.#resolve(each, href);
        if (!NOT_FOLLOWED.includes(this.#nameOf(target))) reached.add(target);
      }
      // What `createRequire` loads is named by a text.
      for (const each of imports.includes("node:module") ? texts : []) {
        const target = await this.#package(each);
        if (target !== undefined) reached.add(target);
      }
    }
    return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
  }

  #file(href: string): Promise<NormalForm> {
    const read = this.#files.get(href) ?? this.#read(new URL(href));
    this.#files.set(href, read);
    return read;
  }

  async #read(url: URL): Promise<NormalForm> {
    const expected = "a file, as what a measurement depends on is known by its code";
    const text = await readTextAs(fileURLToPath(url), InputError, expected);
    if (!url.pathname.endsWith(".json")) return this.normal(text);
    const content = JSON.parse(text);
    // Of the project's own file its name and version: packages count where they are imported.
    const { name, version } = content;
    const counted = basename(url.pathname) === "deno.json" ? { name, version } : content;
    return { text: JSON.stringify(counted), imports: [], texts: [] };
  }

  #nameOf(href: string): string {
    return href.startsWith(this.root.href) ? href.slice(this.root.href.length) : href;
  }

  /** A file's URL, or a package with its version as `deno.json` pins it. */
  async #resolve(specifier: string, from: string): Promise<string> {
    if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, from).href;
    if (/^(node|npm|file):/.test(specifier)) return specifier;
    const target = await this.#package(specifier);
    if (target !== undefined) return target;
    throw new SyntaxError(`'${specifier}', which '${this.#nameOf(from)}' imports, is not known`);
  }

  /** A package that `deno.json` pins, or a file of it; `undefined` if it is none. */
  async #package(specifier: string): Promise<string | undefined> {
    this.#packages ??= readPackages(this.root);
    const packages = await this.#packages;
    const name = Object.keys(packages).filter((each) => `${specifier}/`.startsWith(`${each}/`))
      .sort((a, b) => b.length - a.length).at(0);
    return name === undefined ? undefined : packages[name] + specifier.slice(name.length);
  }
}

/** The code of this project. */
export const projectCode: ProjectCode = new ProjectCode(new URL("../../", import.meta.url));

async function readPackages(root: URL): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", root))).imports;
}
