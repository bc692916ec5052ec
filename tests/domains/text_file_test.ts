import assert from "node:assert/strict";
import { join } from "node:path";
import { TextError } from "../../lib/errors.ts";
import { textFile } from "../../lib/domains/text_file.ts";

async function read(name: string, content: string | Uint8Array<ArrayBuffer>) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, name);
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    return await textFile(path);
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
  await refused("rows.jsonl", "null", /row 1 has no text/);
  await refused("rows.jsonl", '{"text":7}', /row 1 has no text/);
  await assert.rejects(textFile("no/such.txt"), /no\/such\.txt': cannot be read/);
});
