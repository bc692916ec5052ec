import assert from "node:assert/strict";
import { join } from "node:path";
import { evaluationDocuments } from "../../lib/texts/domains.ts";
import { namedCalibrationTexts, namedDocuments } from "../../lib/texts/named_text.ts";
import { embeddedTexts } from "../../lib/texts/study_texts.ts";
import { TextError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

/** A line of 38 characters. */
const line = (number: number) => `line ${number} of a text that goes on and on.`.padEnd(38, ".");

Deno.test("a domain's name gives its evaluation text", async () => {
  assert.deepEqual(await namedDocuments("finance"), await evaluationDocuments("finance"));
});

Deno.test("a path gives the file's documents", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "finance.txt");
  await Deno.writeTextFile(path, "shares rose\n");
  assert.deepEqual(await namedDocuments(path), [{ name: "finance.txt", text: "shares rose\n" }]);
});

Deno.test("a name that is neither is refused with the domains", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["finanse", join(folder.path, "none")]) {
    await assert.rejects(namedDocuments(name), (error) => {
      assert.ok(error instanceof TextError);
      assert.equal(error.fault.file, name);
      assert.match(
        error.message,
        /code, health, finance, wikitext, the path of a text file, or hf:/,
      );
      return true;
    });
  }
});

Deno.test("'calibration' is the embedded calibration text", async () => {
  const texts = await namedCalibrationTexts("calibration", 2);
  assert.deepEqual(texts, await embeddedTexts.calibration(2));
});

Deno.test("a long document is cut into passages of whole lines, short ones stay whole", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rows.jsonl");
  const long = Array.from({ length: 200 }, (_, index) => line(index));
  const short = Array.from({ length: 30 }, (_, index) => `row ${index}\n\nof two paragraphs`);
  const rows = [long.join("\n"), ...short].map((text) => JSON.stringify({ text }));
  await Deno.writeTextFile(path, rows.join("\n"));
  const texts = await namedCalibrationTexts(path, 1);
  assert.deepEqual(texts.filter((text) => text.startsWith("row")).sort(), [...short].sort());
  const passages = texts.filter((text) => text.startsWith("line"));
  assert.ok(passages.length >= 5);
  const passageLines = passages.flatMap((text) => text.split("\n"));
  assert.ok(passageLines.every((each) => long.includes(each)));
  assert.equal(new Set(passageLines).size, passageLines.length);
  for (const passage of passages) assert.ok(passage.length >= 100 && passage.length <= 1140);
});

Deno.test("the seed determines the order", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rows.jsonl");
  const rows = Array.from({ length: 40 }, (_, index) => JSON.stringify({ text: line(index) }));
  await Deno.writeTextFile(path, rows.join("\n"));
  const [first, again, other] = [
    await namedCalibrationTexts(path, 1),
    await namedCalibrationTexts(path, 1),
    await namedCalibrationTexts(path, 2),
  ];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  assert.deepEqual([...first].sort(), [...other].sort());
});
