import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputError } from "../../lib/util/errors.ts";
import { Journal } from "../../lib/util/journal.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const KEY = { version: "1", settings: { rows: 2 } };

Deno.test("a journal has its lines and numbers again; of another key it says what differs", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "run");
  const numbers = Uint8Array.of(1, 2, 3);
  {
    await using journal = await Journal.open(path, KEY);
    await journal.append({ kept: await journal.keep([numbers.slice(0, 1), numbers.slice(1)], 5) });
  }
  {
    await using journal = await Journal.open(path, { settings: { rows: 2 }, version: "1" });
    const [{ kept }] = journal.records as [{ kept: Parameters<Journal["kept"]>[0] }];
    assert.deepEqual([journal.anew, journal.records.length], [null, 1]);
    assert.deepEqual(await journal.kept(kept), numbers);
    await journal.keep([Uint8Array.of(9)], 6);
    assert.equal(await journal.kept(kept), null);
  }
  await using journal = await Journal.open(path, { ...KEY, settings: { rows: 3 } });
  assert.deepEqual(journal.records, []);
  assert.equal(journal.anew, "it was begun with another settings");
  await journal.remove();
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("a journal that ends anywhere counts up to its last whole line", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "run");
  {
    await using journal = await Journal.open(path, KEY);
    for (const line of [1, 2, 3]) await journal.append({ line });
  }
  const whole = await Deno.readTextFile(path);
  for (let length = 1; length <= whole.length; length++) {
    const left = whole.slice(0, length);
    await Deno.writeTextFile(path, left);
    await using journal = await Journal.open(path, KEY);
    const lines = Math.max(1, left.split("\n").length - 1);
    assert.deepEqual(journal.records, [1, 2, 3].slice(0, lines - 1).map((line) => ({ line })));
  }
});

Deno.test("files of numbers, digests and JSON are no journals, and stay as they are", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "notes");
  const digest = "d41d8cd98f00b204e9800998ecf8427e";
  for (
    const text of ["2026\n1 2 3\n", `${digest}\n`, `${digest}  empty\n`, `${digest} {}\n`, "{}"]
  ) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(
      Journal.open(path, KEY),
      (error) => error instanceof OutputError && /is no journal of a run/.test(error.message),
    );
    assert.equal(await Deno.readTextFile(path), text);
  }
});
