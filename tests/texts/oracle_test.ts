/** Tables as pyarrow and pandas write them, and patterns as fsspec resolves them. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { globPattern } from "../../lib/texts/data_set/glob.ts";
import { readText } from "../../lib/texts/named_text.ts";
import oracle from "../fixtures/texts/texts.json" with { type: "json" };

const place = (file: string) =>
  fileURLToPath(new URL(`../fixtures/texts/${file}`, import.meta.url));
const texts: readonly (string | null)[] = oracle.texts;
const nulls = texts.filter((text) => text === null).length;

for (const file of Object.keys(oracle.files).filter((file) => file !== "binary.parquet")) {
  Deno.test(`${file} holds the texts that were written`, async () => {
    const column = file === "nested.parquet" ? "text.body" : undefined;
    const read = async (rows?: readonly [number, number]) =>
      await readText({ source: place(file), column, rows, keepBlankRows: true });
    const { documents, origin } = await read();
    const found = documents.map(({ text }) => text);
    // Of a text without a character pandas writes nothing into a CSV, as of one that is not there.
    const isCsv = /\.(csv|tsv)$/.test(file);
    const isMeant = (text: string | null): text is string =>
      text !== null && (!isCsv || text !== "");
    assert.deepEqual(found.filter(isMeant), texts.filter(isMeant));
    assert.equal(origin.rows!.read, texts.length);
    if (isCsv) return;
    assert.equal(origin.rows!.null, nulls);
    // Rows of the middle, across the row groups of those that have several.
    const part = (await read([10, 40])).documents.map(({ text }) => text);
    assert.deepEqual(part, texts.slice(10, 40).filter((text) => text !== null));
  });
}

Deno.test("bytes are no strings", async () => {
  await assert.rejects(readText(place("binary.parquet")), /DataType Binary is not supported/);
});

Deno.test("patterns find what fsspec finds", () => {
  const found = new Map(
    oracle.globs.map(({ tree, pattern, files }) => [`${tree} ${pattern}`, files]),
  );
  for (const [tree, files] of Object.entries(oracle.trees)) {
    for (const pattern of oracle.patterns) {
      const matches = globPattern(pattern)!;
      assert.deepEqual(
        files.filter((file) => matches.test(file)).toSorted(),
        found.get(`${tree} ${pattern}`)?.toSorted() ?? [],
        `${pattern} in ${tree}`,
      );
    }
  }
});
