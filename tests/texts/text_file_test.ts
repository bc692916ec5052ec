import assert from "node:assert/strict";
import { join } from "node:path";
import { TextError } from "../../lib/util/errors.ts";
import { textFile } from "../../lib/texts/text_file.ts";

async function read(name: string, content: string | Uint8Array<ArrayBuffer>) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, name);
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    return (await textFile(path)).documents;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const refused = (name: string, content: string | Uint8Array<ArrayBuffer>, message: RegExp) =>
  assert.rejects(read(name, content), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, message);
    return true;
  });

Deno.test("a text file is one document", async () => {
  assert.deepEqual(await read("notes.txt", "one\r\n\r\ntwo\n"), [
    { name: "notes.txt", text: "one\n\ntwo\n" },
  ]);
});

Deno.test("a JSON lines file is one document a row", async () => {
  const rows = '{"text":"one"}\n\n{"content":"two","id":3}\n{"sentence":"three"}\n{"text":" "}\n';
  assert.deepEqual(await read("rows.jsonl", rows), [
    { name: "rows.jsonl:1", text: "one" },
    { name: "rows.jsonl:3", text: "two" },
    { name: "rows.jsonl:4", text: "three" },
  ]);
});

Deno.test("empty, malformed and missing files are refused by name", async () => {
  await refused("empty.txt", " \n", /empty\.txt': holds no text/);
  await refused("empty.jsonl", "\n", /empty\.jsonl': holds no text/);
  await refused("bytes.txt", new Uint8Array([0x61, 0xff]), /bytes\.txt': is not UTF-8/);
  await refused("rows.jsonl", '{"text":"a"}\n{"text"', /row 2 is not JSON/);
  await refused("rows.jsonl", '{"body":"a"}', /row 1 has no text: got \['body'\]/);
  await assert.rejects(textFile("no/such.txt"), /no\/such\.txt': cannot be read/);
});

Deno.test({
  name: "a device without an end is refused, not read",
  ignore: Deno.build.os === "windows",
  fn: () => assert.rejects(textFile("/dev/zero"), /\/dev\/zero': is too long.*at most 536870912/),
});

const rows = '{"text":"one"}\n{"text":"two"}\n';
const gzipped = async (text: string) =>
  await new Response(
    new Blob([text]).stream().pipeThrough(new CompressionStream("gzip")),
  ).bytes();

Deno.test("JSON lines are told by their content, whatever their name", async () => {
  const names = ["c4.json", "rows.ndjson", "rows.JSONL", "rows.txt", "rows", "c4.json.gz", "x.gz"];
  for (const name of names) {
    const content = name.endsWith(".gz") ? await gzipped(rows) : rows;
    assert.deepEqual(await read(name, content), [
      { name: `${name}:1`, text: "one" },
      { name: `${name}:2`, text: "two" },
    ]);
  }
  // One row, behind a byte order mark and a blank line, with the line ends of another system.
  const marked = '\ufeff\r\n{"text":"one"}\r';
  assert.deepEqual(await read("row.txt", marked), [{ name: "row.txt:2", text: "one" }]);
});

Deno.test("an array of rows is read as rows", async () => {
  const array = '[\n  {"text": "one"},\n  {"id": 2, "text": "two\\nlines"}\n]\n';
  assert.deepEqual(await read("rows.json", array), [
    { name: "rows.json:1", text: "one" },
    { name: "rows.json:2", text: "two\nlines" },
  ]);
  await refused("rows.json", '[{"text":"a"}, null]', /row 2 is no object: got null/);
  const lines = '[\n{"text":"one"},\n{"text":"two"},\n{"text":"three"}\n]\n';
  for (const name of ["rows.json", "rows.txt"]) {
    const texts = (await read(name, lines)).map(({ text }) => text);
    assert.deepEqual(texts, ["one", "two", "three"]);
    await refused(name, lines.slice(0, -3), /row 1 is not JSON, among rows of it: got '\['/);
  }
  assert.deepEqual(await read("row.txt", '{\n  "text": "one"\n}\n'), [
    { name: "row.txt:1", text: "one" },
  ]);
  // By a name of JSON it is rows, and they have no texts; by another it may be code.
  for (const code of ['[{"name": "x"}, {"name": "y"}]', '{\n  "data": [{"text": "one"}]\n}']) {
    assert.deepEqual(await read("code.txt", code), [{ name: "code.txt", text: code }]);
    await refused("code.json", code, /row 1 has no text: got \['(name|data)'\]/);
  }
  for (const cut of ['[\n  {\n    "text": "one"\n  },\n  {', '{\n  "text": "one"\n']) {
    await refused("cut.json", cut, /cut\.json': is not JSON, as its name has it/);
    await refused("cut.json.gz", await gzipped(cut), /is not JSON/);
  }
  await refused("code.json", '["one", "two"]', /row 1 is no object: got 'one'/);
  await refused("code.json.gz", await gzipped("[[1]]"), /row 1 is no object: got \[1\]/);
});

Deno.test("two gzipped parts are one text, prose too; a damaged one is refused", async () => {
  const [first, second] = [await gzipped("one\r\n"), await gzipped("two\rthree")];
  const both = new Uint8Array([...first, ...second]);
  assert.deepEqual(await read("a.txt.gz", both), [{ name: "a.txt.gz", text: "one\ntwo\nthree" }]);
  await refused("a.gz", first.slice(0, -4), /a\.gz': cannot be unpacked by gzip/);
});

Deno.test("code and prose that begin with a brace stay what they are", async () => {
  for (const text of ['{\n  "name": "x"\n}\n', "{a} or {b}\n{c}", "[1, 2]\n[3]", '"a"\n"b"\n']) {
    assert.deepEqual(await read("text.txt", text), [{ name: "text.txt", text }]);
  }
});

Deno.test("a text that looks like JSON lines is never read as prose: a bad row is refused", async () => {
  for (const name of ["rows.json", "rows.txt", "rows.jsonl"]) {
    await refused(name, `${rows.repeat(5)}three\n`, /row 11 is not JSON, among rows.*got 'three'/);
    await refused(name, '{"body":"a"}\n{"body":"b"}', /row 1 has no text: got \['body'\]/);
  }
});

Deno.test("most of the first rows tell rows from prose, whole or damaged", async () => {
  for (
    const bad of ['{"text":"a"}{"text":"b"}', '{"text":"a"},', `three\n${rows}`, `${rows}three`]
  ) {
    await refused("rows.txt", bad, /row [13] is not JSON, among rows/);
  }
  const prose = '{"text":"quoted"} is a row.\nOne more line.';
  assert.deepEqual(await read("prose.txt", prose), [{ name: "prose.txt", text: prose }]);
});

Deno.test("files that are no texts are refused by what they are", async () => {
  for (
    const [first, format] of [
      ["PK\x03\x04", "a ZIP archive"],
      ["BZh9", "packed by bzip2"],
      ["ARROW1\0\0", "an Arrow table"],
    ]
  ) {
    await refused("rows.gz", `${first}text`, new RegExp(`rows\\.gz': is ${format}; expected`));
    await refused("rows.gz", await gzipped(`${first}text`), new RegExp(`is ${format}`));
  }
  const others = { "Zstandard": [0x28, 0xb5, 0x2f, 0xfd], "xz": [0xfd, 0x37, 0x7a, 0x58, 0x5a] };
  for (const [name, bytes] of Object.entries(others)) {
    await refused("text.txt", new Uint8Array(bytes), new RegExp(`is packed by ${name}`));
  }
  for (const mark of [[0xff, 0xfe], [0xfe, 0xff]]) {
    await refused("text.txt", new Uint8Array([...mark, 0x61, 0]), /is in UTF-16/);
  }
  const prose = "PAR1 is a receptor.";
  assert.deepEqual(await read("prose.txt", prose), [{ name: "prose.txt", text: prose }]);
});

Deno.test("rows that are no objects, and texts that are no strings, are refused on one line", async () => {
  const string = JSON.stringify("just a string ".repeat(40));
  for (
    const [row, message] of [
      [
        string,
        /row 2 is no object: got 'just a string .{100,400}'; expected an object with a string/,
      ],
      ["null", /row 2 is no object: got null; expected an object/],
      ["[1]", /row 2 is no object: got \[1\]/],
      ['{"text":["b"]}', /row 2 has no text under "text": got \['b'\]; expected a string/],
      ['{"id":1,"content":7}', /row 2 has no text under "content": got 7/],
    ] as const
  ) {
    await refused("rows.jsonl", `{"text":"a"}\n${row}`, message);
  }
});
