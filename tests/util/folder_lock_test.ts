import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputError } from "../../lib/util/errors.ts";
import { lockFolder } from "../../lib/util/folder_lock.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const MODULE = new URL("../../lib/util/folder_lock.ts", import.meta.url).href;

/** A process that has the folder, until it is killed. */
async function owner(folder: string): Promise<Deno.ChildProcess> {
  const program = `import { lockFolder } from "${MODULE}"; await lockFolder(Deno.args[0]);
    console.log("has it"); await Deno.stdin.read(new Uint8Array(1));`;
  const file = join(folder, "owner.ts");
  await Deno.writeTextFile(file, program);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "--allow-read", "--allow-write", file, join(folder, "it")],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "has it\n");
  reader.releaseLock();
  return child;
}

Deno.test("a folder is one process's at a time; of a killed owner it is taken over", async () => {
  await using folder = await temporaryFolder();
  const child = await owner(folder.path);
  const place = join(folder.path, "it");
  await assert.rejects(lockFolder(place), (error) => {
    assert.ok(error instanceof OutputError);
    assert.equal(
      error.message,
      `file '${place}': is in use by another run; expected its end, or another folder`,
    );
    return true;
  });
  child.kill("SIGKILL");
  await child.output();
  await child.stdin.close().catch(() => {});
  using _lock = await lockFolder(place);
  assert.deepEqual(filesIn(place), [".lock"]);
});

Deno.test("a lock leaves nothing, and may be taken again", async () => {
  await using folder = await temporaryFolder();
  for (let round = 0; round < 2; round++) {
    using _lock = await lockFolder(folder.path);
    await assert.rejects(lockFolder(folder.path), /in use by another run/);
  }
  assert.deepEqual(filesIn(folder.path), []);
});
