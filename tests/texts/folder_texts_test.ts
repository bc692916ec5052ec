import assert from "node:assert/strict";
import { join } from "node:path";
import { openTexts } from "../../lib/texts/folder_texts.ts";
import { namedCalibrationTexts } from "../../lib/texts/named_text.ts";
import { embeddedTexts } from "../../lib/texts/study_texts.ts";
import { TextError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const rows = ["a first row of text", "a second row of text"];

/** A folder with a file for every domain and for calibration, and one that is neither. */
const whole: Readonly<Record<string, string>> = {
  "code.txt": "let it = be;\n",
  "health.jsonl": rows.map((text) => JSON.stringify({ text })).join("\n"),
  finance: "shares rose\n",
  "wikitext.test.txt": "= Heading =\n",
  "calibration.txt": "anything at all\n",
  "README.md": "what these are\n",
};

async function folderWith(files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder.path, name), text);
  }
  return folder;
}

/** The whole folder with some files changed, or taken out where `null`. */
function changed(files: Readonly<Record<string, string | null>>): Record<string, string> {
  const entries = Object.entries({ ...whole, ...files }).filter(([, text]) => text !== null);
  return Object.fromEntries(entries) as Record<string, string>;
}

Deno.test("no folder means the embedded texts", async () => {
  assert.equal(await openTexts(undefined), embeddedTexts);
  assert.equal(await openTexts(""), embeddedTexts);
});

Deno.test("a folder's files are the texts of the domains they are named by", async () => {
  await using folder = await folderWith(whole);
  const texts = await openTexts(folder.path);
  assert.deepEqual(texts.names, {
    code: "code.txt",
    health: "health.jsonl",
    finance: "finance",
    wikitext: "wikitext.test.txt",
    calibration: "calibration.txt",
  });
  assert.deepEqual((await texts.evaluation("health")).map(({ text }) => text), rows);
  // A file without an ending, not the embedded domain of that name.
  assert.deepEqual(await texts.evaluation("finance"), [{ name: "finance", text: "shares rose\n" }]);
  assert.deepEqual(
    await texts.calibration(3),
    await namedCalibrationTexts(join(folder.path, "calibration.txt"), 3),
  );
});

Deno.test("only the domains that are wanted must be there", async () => {
  const { "code.txt": code, "calibration.txt": calibration } = whole;
  await using folder = await folderWith({ "code.txt": code, "calibration.txt": calibration });
  const texts = await openTexts(folder.path, ["code"]);
  assert.equal((await texts.evaluation("code"))[0].text, code);
  await assert.rejects(texts.evaluation("health"), /has no text named 'health'/);
});

const refused: readonly [what: string, files: Record<string, string | null>, message: RegExp][] = [
  [
    "no calibration text",
    { "calibration.txt": null },
    /has no text named 'calibration': got \['README\.md', .*'wikitext\.test\.txt'\]; expected a file/,
  ],
  ["no finance text", { finance: null }, /has no text named 'finance'/],
  [
    "two texts of code",
    { "code.jsonl": '{"text": "x"}' },
    /has several texts named 'code': got \['code\.jsonl', 'code\.txt'\]; expected one/,
  ],
  ["an empty text", { finance: " \n" }, /finance': holds no text/],
  [
    "a domain scored on what is calibrated with",
    { "wikitext.test.txt": whole["calibration.txt"] },
    /wikitext\.test\.txt': is the calibration text too; expected a text that no method has seen/,
  ],
];

for (const [what, files, message] of refused) {
  Deno.test(`a folder with ${what} is refused`, async () => {
    await using folder = await folderWith(changed(files));
    await assert.rejects(openTexts(folder.path), (error) => {
      assert.ok(error instanceof TextError);
      assert.match(error.message, message);
      assert.ok(error.fault.file!.startsWith(folder.path));
      return true;
    });
  });
}

Deno.test("a folder that is not there is named", async () => {
  await assert.rejects(openTexts("no/such/folder"), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, /^file 'no\/such\/folder': cannot be read/);
    return true;
  });
});
