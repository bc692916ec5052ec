import assert from "node:assert/strict";
import { DeltaError, TextError } from "../../lib/util/errors.ts";
import { nameFile } from "../../lib/util/name_file.ts";

const fault = { problem: "is too short", value: 3, expected: "4 words" };
const failing = (error: Error) => () => Promise.reject(error);

Deno.test("an error without a file is given one", async () => {
  await assert.rejects(nameFile("a.txt", TextError, failing(new TextError(fault))), (error) => {
    assert.ok(error instanceof TextError);
    assert.equal(error.message, "file 'a.txt': is too short: got 3; expected 4 words");
    return true;
  });
});

Deno.test("an error that names a file, or is of another class, stays as it is", async () => {
  for (const error of [new TextError({ ...fault, file: "b.txt" }), new DeltaError(fault)]) {
    await assert.rejects(nameFile("a.txt", TextError, failing(error)), (found) => found === error);
  }
});

Deno.test("a value is passed on", async () => {
  assert.equal(await nameFile("a.txt", TextError, () => Promise.resolve(5)), 5);
});
