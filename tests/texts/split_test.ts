import assert from "node:assert/strict";
import { TextError } from "../../lib/util/errors.ts";
import { brownDocumentNames } from "../../lib/texts/brown.ts";
import { lodashDocumentNames } from "../../lib/texts/lodash.ts";
import { packageVersion } from "../../lib/texts/package_folder.ts";
import { parseSplit, readSplit } from "../../lib/texts/split.ts";
import { readWordNet } from "../../lib/texts/wordnet.ts";
import { wordNetDocuments } from "../../lib/texts/wordnet_documents.ts";

Deno.test("the split names existing documents, each once", async () => {
  const { general, finance, answers, code } = await readSplit();
  const wordNet = wordNetDocuments(await readWordNet(), answers.health).map(({ name }) => name);
  const checks: [string[], string[]][] = [
    [
      [...general.evaluation, ...general.heldOut, ...general.calibration, ...finance.evaluation],
      await brownDocumentNames(),
    ],
    [[...answers.evaluation, ...answers.heldOut], wordNet],
    [[...code.evaluation, ...code.heldOut], await lodashDocumentNames()],
  ];
  for (const [listed, existing] of checks) {
    assert.equal(new Set(listed).size, listed.length);
    assert.deepEqual(listed.filter((name) => !existing.includes(name)), []);
  }
  assert.deepEqual(finance.evaluation, ["ca26", "ca27", "ca28"]);
  assert.ok(answers.evaluation.every((name) => name.startsWith("health/")));
});

Deno.test("the split was made for the installed packages", async () => {
  const { about: _, ...sources } = await readSplit();
  for (const source of Object.values(sources)) {
    assert.equal(source.version, await packageVersion(source.package), source.package);
  }
});

Deno.test("a malformed split is refused with its field or document", async () => {
  const split = await readSplit();
  const refused = (text: string, message: RegExp) =>
    assert.throws(() => parseSplit(text, "split.json"), (error) => {
      assert.ok(error instanceof TextError);
      assert.match(error.message, /split\.json/);
      assert.match(error.message, message);
      return true;
    });
  refused("{", /is not JSON/);
  refused(JSON.stringify({ ...split, code: undefined }), /option 'code'/);
  refused(
    JSON.stringify({ ...split, general: { ...split.general, excerpt: 0 } }),
    /option 'general\.excerpt'.*got '?0/,
  );
  refused(
    JSON.stringify({ ...split, code: { ...split.code, heldOut: [split.code.evaluation[0]] } }),
    new RegExp(`listed twice: got '${split.code.evaluation[0]}'`),
  );
  refused(
    JSON.stringify({ ...split, finance: { ...split.finance, evaluation: ["ca05"] } }),
    /listed twice: got 'ca05'/,
  );
});
