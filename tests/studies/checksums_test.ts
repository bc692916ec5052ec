import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkChecksums, CHECKSUMS, writeChecksums } from "../../lib/studies/checksums.ts";
import { ReportError } from "../../lib/figures/figure.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

Deno.test("a list has the known SHA-256 of each file, and a changed file is named", async () => {
  await using folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  await Deno.writeTextFile(at("a.csv"), "abc");
  await Deno.writeTextFile(at("b.csv"), "");
  await writeChecksums(folder.path, [at("a.csv"), at("b.csv")]);
  // FIPS 180-4's example, and the hash of nothing.
  assert.equal(
    await Deno.readTextFile(at(CHECKSUMS)),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.csv\n" +
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b.csv\n",
  );
  await checkChecksums(folder.path);
  await Deno.writeTextFile(at("a.csv"), "abd");
  await assert.rejects(checkChecksums(folder.path), (error) => {
    assert.ok(error instanceof ReportError);
    return error.fault.file === at("a.csv") && /is not as it was written/.test(error.message);
  });
  await Deno.remove(at("a.csv"));
  await checkChecksums(folder.path);
});

Deno.test("a list that is missing or none is refused", async () => {
  await using folder = await temporaryFolder();
  await assert.rejects(checkChecksums(folder.path), ReportError);
  for (const text of ["", "abc  a.csv\n", `${"0".repeat(64)}  ../a.csv\n`]) {
    await Deno.writeTextFile(join(folder.path, CHECKSUMS), text);
    await assert.rejects(checkChecksums(folder.path), /is no list of sums/);
  }
});

Deno.test("the numbers that the README shows are as a run wrote them", async () => {
  await checkChecksums(fileURLToPath(new URL("../../data/reproduction", import.meta.url)));
});
