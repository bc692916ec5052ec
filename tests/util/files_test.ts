import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { InputError, OutputError } from "../../lib/util/errors.ts";
import { FileBeside, writeBeside, writeFileAtomic } from "../../lib/util/files.ts";
import { readFileIfThere, readTextAs } from "../../lib/util/read_file.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const WRITER = fileURLToPath(new URL("slow_writer.ts", import.meta.url));
const OLD = "old";
const NEW = "new one, of thirty-two characters";

function slowWriter(folder: string, call: number, what: "kill" | "wait"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "--allow-all", WRITER, folder, String(call), what],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

/** Calls of the file system that the writer makes in all. */
async function callsOfAll(folder: string): Promise<number> {
  const child = slowWriter(folder, 0, "kill");
  await child.stdin.close();
  return Number(new TextDecoder().decode((await child.output()).stdout));
}

/** What the two files hold, in words; throws where one holds a part. */
async function contents(folder: string): Promise<string[]> {
  const one = await Deno.readTextFile(join(folder, "one.txt"));
  assert.ok(one === OLD || one === NEW, one);
  const path = join(folder, "two.safetensors");
  if (!filesIn(folder).includes("two.safetensors")) return [one, "none"];
  using two = await SafetensorsFile.open(path);
  assert.deepEqual([...(await two.read("b")).bytes], [1, 2, 3, 4]);
  return [one, two.metadata.made];
}

Deno.test("a writer that is killed at any call leaves old files or new ones, and no part for long", async () => {
  await using folder = await temporaryFolder();
  const whole = join(folder.path, "whole");
  await Deno.mkdir(whole);
  const calls = await callsOfAll(whole);
  assert.ok(calls >= 20, `${calls} moments to die`);
  const seen = new Set<string>();
  const die = async (call: number) => {
    const place = join(folder.path, String(call));
    await Deno.mkdir(place);
    await Deno.writeTextFile(join(place, "one.txt"), OLD);
    const child = slowWriter(place, call, "kill");
    await child.stdin.close();
    assert.equal((await child.output()).signal, "SIGKILL", `call ${call}`);
    seen.add((await contents(place)).join());
    // The next to write finds the dead one's parts.
    await writeFileAtomic(join(place, "one.txt"), NEW);
    await writeFileAtomic(join(place, "three.txt"), "");
    assert.deepEqual(filesIn(place).filter((name) => name.endsWith(".part")), []);
    assert.equal((await contents(place))[0], NEW);
  };
  for (let call = 1; call <= calls; call += 4) {
    await Promise.all([0, 1, 2, 3].map((more) => call + more <= calls && die(call + more)));
  }
  assert.deepEqual([...seen].sort(), [`${NEW},new`, `${NEW},none`, `${OLD},none`]);
});

Deno.test("the part of a writer that lives is not touched, however long it takes", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, "one.txt"), OLD);
  // open, lock, first half written: it now stands with half of its bytes.
  const child = slowWriter(folder.path, 4, "wait");
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, "waits\n");
  const part = filesIn(folder.path).filter((name) => name.endsWith(".part"));
  assert.equal(part.length, 1);
  await writeFileAtomic(join(folder.path, "mine.txt"), "mine");
  assert.deepEqual(filesIn(folder.path), ["mine.txt", "one.txt", ...part].sort());
  assert.deepEqual(await contents(folder.path), [OLD, "none"]);
  await child.stdin.close();
  while (!(await reader.read()).done);
  assert.ok((await child.status).success);
  assert.deepEqual(await contents(folder.path), [NEW, "new"]);
  assert.deepEqual(filesIn(folder.path), ["mine.txt", "one.txt", "two.safetensors"]);
});

Deno.test("files that other programs left by like names stay", async () => {
  await using folder = await temporaryFolder();
  const others = ["film.part", "x.0123456789abcdef.part", "bitdelta.part"];
  for (const name of others) await Deno.writeTextFile(join(folder.path, name), "");
  await writeFileAtomic(join(folder.path, "mine"), "");
  assert.deepEqual(filesIn(folder.path), [...others, "mine"].sort());
});

Deno.test("bytes are on the disk before their name is, and the name before the writer returns", async () => {
  await using folder = await temporaryFolder();
  const order: string[] = [];
  const { rename } = Deno;
  const { sync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.sync = async function () {
    order.push((await this.stat()).isDirectory ? "folder" : "file");
    await sync.call(this);
  };
  Deno.rename = async (from, to) => {
    order.push("rename");
    await rename(from, to);
  };
  try {
    await writeFileAtomic(join(folder.path, "a"), "1");
    assert.deepEqual(order, ["file", "rename", "folder"]);
  } finally {
    Deno.rename = rename;
    Deno.FsFile.prototype.sync = sync;
  }
});

Deno.test("a name of 255 bytes can be written, in letters of any length", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["a".repeat(255), "中".repeat(85)]) {
    await writeFileAtomic(join(folder.path, name), name);
    assert.equal(await Deno.readTextFile(join(folder.path, name)), name);
  }
});

Deno.test("a pipe, socket or folder is not written over, for the file would stand in its place", async () => {
  await using folder = await temporaryFolder();
  const [pipe, socket] = ["pipe", "socket"].map((name) => join(folder.path, name));
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  // In a process of its own: that of the tests may listen at no path.
  const listening = `Deno.listen({ transport: "unix", path: ${JSON.stringify(socket)} })`;
  await new Deno.Command(Deno.execPath(), { args: ["eval", `${listening}; Deno.exit()`] }).output();
  for (const path of [pipe, socket, folder.path]) {
    await assert.rejects(writeFileAtomic(path, ""), (error) => {
      assert.ok(error instanceof OutputError);
      assert.match(error.message, /: cannot be written: got 'it is a \w+'; expected a file$/);
      return true;
    });
  }
  assert.ok((await Deno.lstat(pipe)).isFifo && (await Deno.lstat(socket)).isSocket);
  assert.deepEqual(filesIn(folder.path), ["pipe", "socket"]);
});

const refusals = [
  { code: "ENOSPC", says: /'no space is left on the disk'; expected free space$/ },
  { code: "EROFS", says: /'the file system is read-only'; expected a folder that can be written$/ },
  { code: "EMFILE", says: /'too many files are open'; expected .*`ulimit -n`$/ },
  { code: "EACCES", says: /'permission is denied'; expected/ },
  { code: "EISDIR", says: /'it is a folder'; expected a file$/ },
];

for (const { code, says } of refusals) {
  Deno.test(`${code} is said as what it is, in writing and in reading, and nothing is left`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file");
    const refused = Object.assign(new Error("as the system words it"), { code });
    await assert.rejects(writeBeside(path, () => Promise.reject(refused)), (error) => {
      assert.ok(error instanceof OutputError);
      assert.equal(error.fault.file, path);
      assert.match(error.message, says);
      return true;
    });
    assert.deepEqual(filesIn(folder.path), []);
    const { readFile } = Deno;
    Deno.readFile = () => Promise.reject(refused);
    try {
      await assert.rejects(readTextAs(path, InputError, "a text"), says);
    } finally {
      Deno.readFile = readFile;
    }
  });
}

Deno.test("a real folder, a missing file and bytes that are no text are told apart", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await assert.rejects(writeFileAtomic(folder.path, ""), /'it is a folder'; expected a file/);
  await assert.rejects(readFileIfThere(folder.path, InputError, "text"), /'it is a folder'/);
  assert.equal(await readFileIfThere(path, InputError, "text"), undefined);
  await assert.rejects(readTextAs(path, InputError, "a text"), /is not there; expected a text$/);
  await Deno.writeFile(path, Uint8Array.of(0xff));
  await assert.rejects(
    readTextAs(path, InputError, "a text"),
    /not text in UTF-8; expected a text$/,
  );
});

Deno.test("folders that were made for a file go with it, but for one that another file has come into", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a", "b", "c", "file");
  {
    await using _beside = await FileBeside.open(path);
    await Deno.writeTextFile(join(folder.path, "a", "other"), "");
    assert.equal(filesIn(join(folder.path, "a", "b", "c")).length, 1);
  }
  assert.deepEqual(filesIn(folder.path), ["a"]);
  assert.deepEqual(filesIn(join(folder.path, "a")), ["other"]);
});
