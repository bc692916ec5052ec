import assert from "node:assert/strict";
import { join } from "node:path";
import { checkOutput } from "../lib/check_output.ts";
import { OutputError } from "../lib/errors.ts";
import { filesIn, temporaryFolder } from "./checkpoint/tiny_checkpoint.ts";

Deno.test("a path that can be written passes and is not touched", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.txt");
  await Deno.writeTextFile(path, "old");
  await checkOutput(path);
  await checkOutput(join(folder.path, "new.txt"));
  await checkOutput(join(folder.path, "new", "and", "deep.txt"));
  assert.deepEqual(filesIn(folder.path), ["old.txt"]);
  assert.equal(await Deno.readTextFile(path), "old");
});

Deno.test("a folder and a place below a file are refused", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(checkOutput(folder.path), (error) => {
    assert.ok(error instanceof OutputError);
    return error.message === `file '${folder.path}': is a folder; expected the name of a file`;
  });
  const below = join(file, "below");
  await assert.rejects(checkOutput(below), (error) => {
    assert.ok(error instanceof OutputError);
    return error.fault.file === below && error.fault.problem === "cannot be written";
  });
  assert.deepEqual(filesIn(folder.path), ["file"]);
});
