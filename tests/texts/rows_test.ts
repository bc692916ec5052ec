/** The same rows in every form that a file of rows may have. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import polars from "nodejs-polars";
import { join } from "node:path";
import { TextError } from "../../lib/util/errors.ts";
import { readText } from "../../lib/texts/named_text.ts";
import type { RowChoice } from "../../lib/texts/text_choice.ts";
import { textFile } from "../../lib/texts/text_file.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

type Cells = readonly (string | null)[];

const encoder = new TextEncoder();
const quoted = (text: string | null) => text === null ? "" : `"${text.replaceAll('"', '""')}"`;

/** RFC 4180, every text quoted, an id before it. */
const csv = (texts: Cells, separator: string, end: string) =>
  [`id${separator}text`, ...texts.map((text, index) => `${index}${separator}${quoted(text)}`)]
    .map((line) => line + end).join("");

const jsonLines = (texts: Cells) =>
  texts.map((text, id) => JSON.stringify({ id, text }) + "\n").join("");

/** What a file of each form holds, by its name. */
const forms: Readonly<Record<string, (texts: Cells) => string | Uint8Array>> = {
  "rows.jsonl": jsonLines,
  "rows.jsonl.gz": (texts) => gzipSync(encoder.encode(jsonLines(texts))),
  "rows.json": (texts) => JSON.stringify(texts.map((text, id) => ({ id, text }))),
  "rows.csv": (texts) => csv(texts, ",", "\n"),
  "rows.tsv": (texts) => `\ufeff${csv(texts, "\t", "\r\n")}`,
  "rows.csv.gz": (texts) => gzipSync(encoder.encode(csv(texts, ",", "\r\n"))),
  "rows.parquet": (texts) =>
    polars.DataFrame({
      id: texts.map((_, id) => id),
      text: polars.Series("text", [...texts], polars.Utf8),
    })
      .writeParquet(undefined as never, { compression: "zstd" }) as unknown as Uint8Array,
  // By another writer, in row groups of three, with dictionaries where texts repeat.
  "other.parquet": (texts) =>
    new Uint8Array(parquetWriteBuffer({
      columnData: [
        { name: "id", data: texts.map((_, id) => id), type: "INT32" },
        { name: "text", data: [...texts], type: "STRING", nullable: true },
      ],
      rowGroupSize: 3,
    })),
};

async function write(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await Deno.writeFile(path, typeof content === "string" ? encoder.encode(content) : content);
  return path;
}

/** Texts of all planes, with quotes, separators and ends of line; and cells without one. */
const cell = fc.option(
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
    fc.stringMatching(/^[a",;\t\n\r {}[\]]{0,8}$/),
    fc.constantFrom("", " \n", "NA", "null", "007", "1e5", "true", "the same"),
  ),
  { nil: null, freq: 6 },
);

Deno.test("the same rows are the same documents in all forms, whichever are asked for", async () => {
  await using folder = await temporaryFolder();
  const range = fc.oneof(
    fc.constant(undefined),
    fc.integer({ min: 1, max: 9 }),
    fc.tuple(fc.nat(4), fc.integer({ min: 5, max: 9 })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(cell, { minLength: 1, maxLength: 8 }),
      range,
      fc.boolean(),
      async (drawn, rows, keepBlankRows) => {
        // A first row with a text, so that no form is empty.
        const texts = ["a text", ...drawn];
        const [from, to] = rows === undefined
          ? [0, 99]
          : typeof rows === "number"
          ? [0, rows]
          : rows;
        const asked = texts.slice(from, to);
        const left = asked.filter((text) => text !== null)
          .filter((text) => keepBlankRows || text.trim() !== "");
        for (const [name, form] of Object.entries(forms)) {
          const source = await write(folder.path, name, form(texts));
          const read = readText({ source, rows, keepBlankRows });
          if (!left.some((text) => text.trim() !== "")) {
            await assert.rejects(read, TextError, name);
            continue;
          }
          const { documents, origin } = await read;
          assert.deepEqual(documents.map(({ text }) => text), left, name);
          const nulls = asked.filter((text) => text === null).length;
          assert.deepEqual(origin, {
            source,
            column: "text",
            rows: {
              first: from,
              read: asked.length,
              null: nulls,
              blank: asked.length - nulls - left.length,
            },
          }, name);
        }
      },
    ),
    { numRuns: 40 },
  );
});

async function refused(
  name: string,
  content: string | Uint8Array,
  message: RegExp,
  choice?: RowChoice,
) {
  await using folder = await temporaryFolder();
  const path = await write(folder.path, name, content);
  await assert.rejects(textFile(path, choice), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

async function read(name: string, content: string | Uint8Array, choice?: RowChoice) {
  await using folder = await temporaryFolder();
  const { documents } = await textFile(await write(folder.path, name, content), choice);
  return documents.map((document) => [document.name.split(":")[1], document.text]);
}

Deno.test("the first present of the usual columns is read, or the one asked for", async () => {
  assert.deepEqual(await read("a.csv", "sentence,content\na,b\n"), [["1", "b"]]);
  assert.deepEqual(await read("a.csv", "label,sentence\n0,b\n"), [["1", "b"]]);
  assert.deepEqual(await read("a.tsv", "Body\ttext\na\tb\n", { column: "Body" }), [["1", "a"]]);
  assert.deepEqual(await read("a.jsonl", '{"body":"a","text":"b"}\n', { column: "body" }), [[
    "1",
    "a",
  ]]);
  await refused(
    "a.csv",
    "id,body\n1,a\n",
    /has no column of text: got \['id', 'body'\]; expected "text" or/,
  );
  await refused("a.csv", "id,body\n1,a\n", /has no column "text": got \['id', 'body'\]/, {
    column: "text",
  });
  await refused("a.jsonl", '{"body":"a"}\n', /row 1 has no text: got \['body'\]; .* under "x"/, {
    column: "x",
  });
  await refused("a.txt", "prose\n", /option 'text': has no columns/, { column: "text" });
});

Deno.test("a nested column is named by its path, in JSON and in Parquet", async () => {
  const rows = [{ a: { b: "one", "c.d": "x" } }, { a: { b: "two", "c.d": "y" } }];
  const lines = rows.map((row) => JSON.stringify(row)).join("\n");
  const parquet = polars.DataFrame(rows).writeParquet(undefined as never) as unknown as Uint8Array;
  for (const [name, content] of [["a.jsonl", lines], ["a.parquet", parquet]] as const) {
    assert.deepEqual(await read(name, content, { column: "a.b" }), [["1", "one"], ["2", "two"]]);
    assert.deepEqual(await read(name, content, { column: "a.c.d", rows: 1 }), [["1", "x"]]);
    await refused(name, content, /row 1 has no text/, { column: "a.x" });
    await refused(name, content, /(row 1 has no text under|column) "a"/, {
      column: "a",
    });
  }
});

Deno.test("a column of anything but strings is refused", async () => {
  const frame = polars.DataFrame({ text: [1, 2], content: [["a"], ["b"]] });
  const parquet = frame.writeParquet(undefined as never) as unknown as Uint8Array;
  await refused(
    "a.parquet",
    parquet,
    /column "text" holds no strings: got 'Float64'; expected a col/,
  );
  await refused("a.parquet", parquet, /column "content" holds no strings: got 'List\(/, {
    column: "content",
  });
  const bytes = new Uint8Array(parquetWriteBuffer({
    columnData: [{ name: "text", data: [new Uint8Array([255, 1])], type: "BYTE_ARRAY" }],
  }));
  await refused("a.parquet", bytes, /got 'DataType Binary is not supported/);
});

Deno.test("every compression, and texts that repeat, are read", async () => {
  const texts = Array.from({ length: 50 }, (_, index) => ["red", "green", "blue"][index % 3]);
  for (const compression of ["uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"] as const) {
    const frame = polars.DataFrame({ text: polars.Series("text", texts, polars.Categorical) });
    const bytes = frame.writeParquet(undefined as never, { compression }) as unknown as Uint8Array;
    assert.deepEqual((await read("a.parquet", bytes)).map(([, text]) => text), texts, compression);
  }
});

Deno.test("a name with the signs of a pattern is that file, and a folder is no column", async () => {
  await using folder = await temporaryFolder();
  const inner = join(folder.path, "text=x");
  await Deno.mkdir(inner);
  for (const name of ["a[1]*.parquet", "b?.csv"]) {
    const form = name.endsWith("csv") ? "rows.csv" : "other.parquet";
    const path = await write(inner, name, forms[form](["one"]));
    assert.deepEqual((await textFile(path)).documents.map(({ text }) => text), ["one"]);
  }
});

Deno.test("damaged tables are refused", async () => {
  await refused(
    "a.csv",
    'id,text\n1,"open\n2,c\n',
    /cannot be read as a table: got 'could not parse/,
  );
  await refused("a.csv", "id,text\n1,a,b\n2,c\n", /found more fields than defined/);
  await refused("a.csv", new Uint8Array([...encoder.encode("text\na"), 0xff, 10]), /invalid utf-8/);
  await refused("a.csv", "", /a table/);
  await refused("a.csv", "text\n", /holds no text/);
  await refused("a.csv", 'text\n""\n\n', /holds no text: got '1 rows of null and 1 blank ones'/);
  const parquet = forms["other.parquet"](["one", "two"]) as Uint8Array;
  await refused("a.parquet", parquet.slice(0, -9), /cannot be read as a table/);
  await refused("a.parquet", "PARQUET", /is no Parquet table, as its name has it/);
  await refused("a.gz", gzipSync(parquet.slice(0, 40)), /cannot be read as a table/);
  assert.deepEqual(await read("a.gz", gzipSync(parquet)), [["1", "one"], ["2", "two"]]);
});

Deno.test("of prose, rows are lines where some are asked for; rows beyond the last are refused", async () => {
  const text = "one\r\n\r\nthree\nfour";
  assert.deepEqual(await read("a.txt", text), [[undefined, "one\n\nthree\nfour"]]);
  assert.deepEqual(await read("a.txt", text, { rows: 3 }), [["1", "one"], ["3", "three"]]);
  assert.deepEqual(await read("a.txt", text, { rows: [1, 9], keepBlankRows: true }), [
    ["2", ""],
    ["3", "three"],
    ["4", "four"],
  ]);
  await refused("a.txt", text, /has too few rows: got 4; expected more than 4/, { rows: [4, 5] });
});

Deno.test("a bad row behind those that are asked for is not looked at", async () => {
  const lines = `${'{"text":"a"}\n'.repeat(12)}{"text"`;
  assert.equal((await read("a.jsonl", lines, { rows: 12 })).length, 12);
  await refused("a.jsonl", lines, /row 13 is not JSON/, { rows: 13 });
});
