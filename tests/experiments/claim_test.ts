import assert from "node:assert/strict";
import { join } from "node:path";
import { Claims } from "../../lib/experiments/claim.ts";
import { OutputError } from "../../lib/util/errors.ts";
import { projectPath } from "../../lib/util/project.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const MODULE = new URL("../../lib/experiments/claim.ts", import.meta.url).href;

/** A process that claims a name and has it until it is killed; on a host of another name, if one is given. */
async function owner(folder: string, host?: string): Promise<Deno.ChildProcess> {
  const program = `import { Claims } from "${MODULE}";
    const claim = await new Claims(Deno.args[0], ${JSON.stringify({ host })}).take("task");
    console.log(claim ? "has it" : "has it not"); await Deno.stdin.read(new Uint8Array(1));`;
  const file = join(folder, "owner.ts");
  await Deno.writeTextFile(file, program);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--config", projectPath("deno.json")],
      ...["--allow-read", "--allow-write", "--allow-sys=hostname", file, folder],
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "has it\n");
  reader.releaseLock();
  return child;
}

async function kill(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await child.output();
  await child.stdin.close().catch(() => {});
}

const claimsIn = (folder: string) => filesIn(folder).filter((name) => name.endsWith(".claim"));

Deno.test("a claim is one's at a time, other names are free, and nothing of it is left", async () => {
  await using folder = await temporaryFolder();
  const place = join(folder.path, "not", "yet");
  const [here, there] = [new Claims(place), new Claims(place)];
  for (let round = 0; round < 2; round++) {
    await using claim = await here.take("task");
    assert.ok(claim);
    assert.equal(await here.take("task"), null);
    assert.equal(await there.take("task"), null);
    await using other = await there.take("tas");
    assert.ok(other);
    const [file] = claimsIn(place);
    const { process, host } = JSON.parse(await Deno.readTextFile(join(place, file)));
    assert.deepEqual([process, host], [Deno.pid, Deno.hostname()]);
  }
  assert.deepEqual(filesIn(place), []);
});

Deno.test("of many that ask at once, one has the claim", async () => {
  await using folder = await temporaryFolder();
  const asked = await Promise.all(
    Array.from({ length: 20 }, () => new Claims(folder.path).take("task")),
  );
  assert.equal(asked.filter((claim) => claim !== null).length, 1);
  for (const claim of asked) await claim?.[Symbol.asyncDispose]();
});

Deno.test("the claim of a process that was killed is taken over, by one alone", async () => {
  await using folder = await temporaryFolder();
  const child = await owner(folder.path);
  assert.equal(await new Claims(folder.path).take("task"), null);
  await kill(child);
  assert.equal(claimsIn(folder.path).length, 1);
  const asked = await Promise.all(
    Array.from({ length: 8 }, () => new Claims(folder.path).take("task")),
  );
  const taken = asked.filter((claim) => claim !== null);
  assert.equal(taken.length, 1);
  assert.equal(claimsIn(folder.path).length, 1);
  await using _claim = taken[0];
});

Deno.test("a claim on another host is dead when nothing has touched it for minutes", async () => {
  await using folder = await temporaryFolder();
  await kill(await owner(folder.path, "elsewhere"));
  const [file] = claimsIn(folder.path);
  let now = 0;
  const claims = new Claims(folder.path, { now: () => now });
  const minute = 60_000;
  for (const [at, touched] of [[0, 1], [1, 1], [2, 2], [4, 2], [4.9, 2]]) {
    await Deno.utime(join(folder.path, file), touched, touched);
    now = at * minute;
    assert.equal(await claims.take("task"), null, `minute ${at}`);
  }
  now = 5 * minute;
  await using claim = await claims.take("task");
  assert.ok(claim);
});

Deno.test("a claim whose owner had not yet written its name is nobody's until it is old", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, "task.0.claim"), "");
  let now = 0;
  const claims = new Claims(folder.path, { now: () => now });
  assert.equal(await claims.take("task"), null);
  now = 3_600_000;
  await using claim = await claims.take("task");
  assert.ok(claim);
});

Deno.test("a claim on a full disk is refused, and nothing of it is left", async () => {
  await using folder = await temporaryFolder();
  const { write } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.write = () =>
    Promise.reject(Object.assign(new Error("No space left on device"), { code: "ENOSPC" }));
  try {
    await assert.rejects(new Claims(folder.path).take("task"), (error) => {
      assert.ok(error instanceof OutputError);
      return /no space is left on the disk/.test(error.message);
    });
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  assert.deepEqual(filesIn(folder.path), []);
  await using claim = await new Claims(folder.path).take("task");
  assert.ok(claim);
});

Deno.test("a dead claim that cannot be removed is told, and the one in its place is not kept", async () => {
  await using folder = await temporaryFolder();
  const garbage = join(folder.path, "task.3.claim");
  await Deno.mkdir(join(garbage, "not empty"), { recursive: true });
  let now = 0;
  const claims = new Claims(folder.path, { now: () => now });
  assert.equal(await claims.take("task"), null);
  now = 3_600_000;
  await assert.rejects(claims.take("task"), OutputError);
  assert.deepEqual(claimsIn(folder.path), ["task.3.claim"]);
});

Deno.test("claims of names that are done are cleared away, others stay", async () => {
  await using folder = await temporaryFolder();
  const others = ["task.txt", "tas.0.claim", "task.x.claim"];
  for (const name of ["task.0.claim", "task.12.claim", ...others]) {
    await Deno.writeTextFile(join(folder.path, name), "");
  }
  await new Claims(folder.path).clear(new Set(["task", "another"]));
  assert.deepEqual(filesIn(folder.path).toSorted(), others.toSorted());
});

Deno.test("claims copied with their folder are nobody's", async () => {
  await using folder = await temporaryFolder();
  await using copy = await temporaryFolder();
  await using claim = await new Claims(folder.path).take("task");
  assert.ok(claim);
  for (const name of claimsIn(folder.path)) {
    await Deno.copyFile(join(folder.path, name), join(copy.path, name));
  }
  {
    await using other = await new Claims(copy.path).take("task");
    assert.ok(other);
  }
  assert.deepEqual(claimsIn(copy.path), []);
});

Deno.test("a folder that cannot be written is named", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await Deno.writeTextFile(path, "");
  await assert.rejects(new Claims(path).take("task"), (error) => {
    assert.ok(error instanceof OutputError);
    return error.fault.file === path;
  });
});
