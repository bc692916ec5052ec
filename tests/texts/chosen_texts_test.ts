/** Texts of a study that are chosen one by one. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { chosenTexts } from "../../lib/texts/chosen_texts.ts";
import { namedCalibrationTexts, namedDocuments } from "../../lib/texts/named_text.ts";
import { embeddedTextNames } from "../../lib/texts/study_texts.ts";
import { TextError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

async function files(contents: Record<string, string>) {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(contents)) {
    await Deno.writeTextFile(join(folder.path, name), text);
  }
  return {
    at: (name: string) => join(folder.path, name),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

Deno.test("a text is what its choice says, a domain is its own, and each is said to be what it was read of", async () => {
  await using folder = await files({
    "seen.jsonl": '{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n',
    "rows.csv": "id,body\n1,first\n2,second\n3,third\n",
  });
  const code = { source: folder.at("rows.csv"), column: "body", rows: 2 };
  const calibration = { source: folder.at("seen.jsonl") };
  const texts = await chosenTexts({ code, calibration, finance: { source: "finance" } });
  assert.deepEqual(
    (await texts.evaluation("code")).map(({ text }) => text),
    ["first", "second"],
  );
  assert.deepEqual(await texts.evaluation("finance"), await namedDocuments("finance"));
  for (const seed of [1, 2]) {
    assert.deepEqual(
      await texts.calibration(seed),
      await namedCalibrationTexts(calibration.source, seed),
    );
  }
  assert.deepEqual(texts.names, {
    ...{ ...embeddedTextNames, code: "rows.csv", calibration: "seen.jsonl" },
    finance: "finance",
  });
  assert.equal(texts.origins!.code!.column, "body");
  assert.equal(texts.origins!.code!.rows!.read, 2);
  await assert.rejects(texts.evaluation("health"), /no text was chosen: got 'health'/);
});

Deno.test("texts are read once: what changes later is not seen", async () => {
  await using folder = await files({ "seen.txt": "seen", "scored.txt": "before" });
  const choice = (name: string) => ({ source: folder.at(name) });
  const texts = await chosenTexts({
    calibration: choice("seen.txt"),
    wikitext: choice("scored.txt"),
  });
  await Deno.writeTextFile(folder.at("scored.txt"), "after");
  assert.equal((await texts.evaluation("wikitext"))[0].text, "before");
});

Deno.test("what is calibrated with is not scored, however it is written", async () => {
  await using folder = await files({
    "a.txt": "one two\nthree",
    "b.csv": "text\none\ntwo three\n",
  });
  const choices = {
    calibration: { source: folder.at("a.txt") },
    health: { source: folder.at("b.csv") },
  };
  await assert.rejects(chosenTexts(choices), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, /b\.csv': is the calibration text too/);
    return true;
  });
});
