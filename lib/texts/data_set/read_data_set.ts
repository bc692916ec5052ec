/** A data set as documents: which of its files belong to what is asked for, and their rows. */

import { TextError } from "../../util/errors.ts";
import type { TextChoice } from "../text_choice.ts";
import { type ReadPlaces, readTextPlaces } from "../text_file.ts";
import type { TextOrigin } from "../text_origin.ts";
import { type Configuration, parseConfigurations } from "./configurations.ts";
import { globFolder, globPattern } from "./glob.ts";
import type { Repository } from "./repository.ts";
import { formOf, isDataFile, matching, type Splits, splitsByName } from "./splits.ts";

/** What a choice comes to in a repository. */
interface Found {
  readonly configuration?: string;
  readonly split?: string;
  /** In the order in which they are read. */
  readonly files: readonly string[];
}

/**
 * Reads the rows of a data set that are asked for: of one configuration and one split of it, or of one file.
 *
 * @throws {TextError} if what is asked for is not there, or is not the only one, with what there is.
 * @throws {HubError} {OutputError} as what fetches it.
 */
export async function readDataSet(
  repository: Repository,
  choice: TextChoice,
): Promise<{ readonly documents: ReadPlaces["documents"]; readonly origin: TextOrigin }> {
  const { configuration, split, files } = await findFiles(repository, choice);
  const forms = [...new Set(files.map(formOf))];
  if (forms.length > 1) {
    throw new TextError({
      problem: "has files of several forms",
      file: repository.name,
      value: forms,
      expected: "one; a path in the repository names a folder or a file",
    });
  }
  const isByRow = choice.rows !== undefined && /^(json|txt)$/.test(forms[0]);
  const opened: string[] = [];
  const places = async function* () {
    for (const file of files) {
      opened.push(file);
      yield await repository.place(file, isByRow);
    }
  };
  const { documents, column, rows } = await readTextPlaces(
    places(),
    choice,
    repository.name,
    "rows",
  );
  const source = repository.origin();
  return { documents, origin: { source, configuration, split, files: opened, column, rows } };
}

async function findFiles(repository: Repository, choice: TextChoice): Promise<Found> {
  const { path } = repository;
  const card = await repository.card();
  const known = card === null ? [] : parseConfigurations(card, `${repository.name}/README.md`);
  const configuration = chosenConfiguration(repository, known, choice);
  if (configuration !== null) {
    const splits = await splitsOf(repository, configuration);
    return { configuration: configuration.name, ...theSplit(repository, splits, choice) };
  }
  const files = await repository.files(path).catch((error) => {
    if (known.length === 0) throw error;
    throw unknownConfiguration(repository, known, path);
  });
  if (files.length === 1 && files[0] === path) {
    if (choice.split === undefined) return { files };
    throw new TextError({
      problem: "is one file, which has no splits",
      file: `${repository.name}/${path}`,
      option: "split",
      value: choice.split,
      expected: "none with a file",
    });
  }
  return theSplit(repository, splitsBelow(repository, path, files), choice);
}

/** The configuration that is meant; `null` where files are found by their names. */
function chosenConfiguration(
  repository: Repository,
  known: readonly Configuration[],
  { configuration }: TextChoice,
): Configuration | null {
  const { name: file, path } = repository;
  if (configuration !== undefined && path !== "") {
    throw new TextError({
      problem: "names a part of a data set, and of that no configuration",
      file: `${file}/${path}`,
      option: "configuration",
      value: configuration,
      expected: "one of the two",
    });
  }
  const asked = configuration ?? (path === "" ? undefined : path);
  const found = asked === undefined
    ? known.find(({ isDefault }) => isDefault) ?? (known.length === 1 ? known[0] : undefined)
    : known.find(({ name }) => name === asked);
  if (found !== undefined) {
    if (found.settings.length === 0) return found;
    throw new TextError({
      problem: `has settings for its reader in the configuration '${found.name}'`,
      file,
      value: found.settings,
      expected: "none: its files would not be read as they are meant",
    });
  }
  if (configuration !== undefined && (known.length > 0 || configuration !== "default")) {
    throw unknownConfiguration(repository, known, configuration);
  }
  if (asked === undefined && known.length > 0) {
    throw new TextError({
      problem: "has several configurations",
      file,
      value: known.map(({ name }) => name),
      expected: `one of them, as ${file}/${known[0].name}`,
    });
  }
  return null;
}

function unknownConfiguration(
  { name: file }: Repository,
  known: readonly Configuration[],
  asked: string,
): TextError {
  return new TextError({
    problem: `has no configuration, folder or file '${asked}'`,
    file,
    value: known.map(({ name }) => name),
    expected: known.length > 0 ? "one of these configurations" : "none: it has no configurations",
  });
}

async function splitsOf(repository: Repository, configuration: Configuration): Promise<Splits> {
  const { name, folder, patterns } = configuration;
  if (patterns === null) {
    return splitsBelow(repository, folder, await repository.files(folder));
  }
  const within = (pattern: string) => folder === "" ? pattern : `${folder}/${pattern}`;
  const all = [...patterns.values()].flat().map(within);
  const wrong = all.find((pattern) => globPattern(pattern) === null || /^(\/|\w+:)/.test(pattern));
  if (wrong !== undefined) {
    throw new TextError({
      problem: `has files that cannot be found in the configuration '${name}'`,
      file: repository.name,
      value: wrong,
      expected: "patterns of paths in the repository",
    });
  }
  const listed = await Promise.all(
    [...new Set(all.map(globFolder))].map((each) => repository.files(each)),
  );
  const files = [...new Set(listed.flat())];
  return new Map(
    [...patterns].map(([split, each]) => [split, matching(files, each.map(within))] as const)
      .filter(([, found]) => found.length > 0),
  );
}

/** Splits of a folder's files by their names below it. */
function splitsBelow(repository: Repository, folder: string, files: readonly string[]): Splits {
  const prefix = folder === "" ? "" : `${folder}/`;
  const splits = splitsByName(files.map((file) => file.slice(prefix.length)));
  if (splits.size === 0) {
    throw new TextError({
      problem: "has no files of rows",
      file: repository.name + (prefix && `/${folder}`),
      value: files.filter((file) => !isDataFile(file)).slice(0, 8),
      expected: ".parquet, .jsonl, .json, .csv, .tsv or .txt, gzipped or not",
    });
  }
  return new Map([...splits].map(([split, found]) => [split, found.map((file) => prefix + file)]));
}

function theSplit(
  repository: Repository,
  splits: Splits,
  { split }: TextChoice,
): { readonly split: string; readonly files: readonly string[] } {
  const names = [...splits.keys()];
  const name = split ?? (names.length === 1 ? names[0] : undefined);
  const files = name === undefined ? undefined : splits.get(name);
  if (name !== undefined && files !== undefined) return { split: name, files };
  throw new TextError({
    problem: split === undefined ? "has several splits" : `has no split '${split}'`,
    file: repository.name,
    option: "split",
    value: names,
    expected: "one of them",
  });
}
