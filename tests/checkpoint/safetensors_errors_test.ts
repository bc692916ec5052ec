import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { SafetensorsError, TensorFileError } from "../../lib/util/errors.ts";
import { oraclePath } from "../oracle.ts";
import { temporaryFolder } from "./tiny_checkpoint.ts";

function fileOf(header: unknown, dataLength: number, headerLength?: bigint): Uint8Array {
  const json = typeof header === "string"
    ? new TextEncoder().encode(header)
    : header instanceof Uint8Array
    ? header
    : new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function tensor(begin: number, end: number, dtype = "U8", shape: unknown = [end - begin]) {
  return { dtype, shape, data_offsets: [begin, end] };
}

const whole = await Deno.readFile(oraclePath("A", "base_bf16", "model.safetensors"));

const bad: [name: string, bytes: Uint8Array, message: RegExp][] = [
  ["that is empty", new Uint8Array(), /truncated before its header: got 0; expected at least 8/],
  [
    "that is a pointer of Git LFS",
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
    /is a pointer of Git LFS in the place of a file; expected the file itself/,
  ],
  ["of seven bytes", new Uint8Array(7), /truncated before its header: got 7/],
  ["cut within its header", whole.subarray(0, 500), /header is truncated.*got \d+.*at most 492/],
  ["cut within its data", whole.subarray(0, 20000), /tensor 'lm_head.*outside the file.*up to \d+/],
  [
    "with an oversized header length",
    fileOf({}, 4, 2n ** 63n),
    /got 9223372036854776000; expected a header of at most 6/,
  ],
  [
    "with a header that is longer than those of models are",
    fileOf({}, 4_000_001, 4_000_001n),
    /got 4000001; expected a header of at most 4000000 bytes/,
  ],
  ["whose header is not JSON", fileOf("{not json", 0), /header cannot be read.*JSON object/],
  ["whose header is not UTF-8", fileOf(Uint8Array.of(0x7b, 0xff, 0x7d), 0), /UTF-8/],
  ["whose header begins with a mark of byte order", fileOf("\ufeff{}", 0), /header cannot be read/],
  ["whose header is a list", fileOf([1, 2], 0), /header cannot be read.*begins with/],
  ["whose header is empty", fileOf("", 0), /header cannot be read/],
  [
    "with metadata that is not text",
    fileOf({ __metadata__: { a: 1 } }, 0),
    /__metadata__.*strings/,
  ],
  ["with an entry that is no object", fileOf({ t: 3 }, 0), /'t'.*malformed: got 3/],
  ["with an entry of null", fileOf({ t: null }, 0), /'t'.*malformed: got null/],
  ["with a dtype that is no text", fileOf({ t: tensor(0, 1, 8 as never) }, 1), /'t'.*malformed/],
  ["with a shape that is no list", fileOf({ t: tensor(0, 1, "U8", 1) }, 1), /'t'.*malformed/],
  ["with a side that is text", fileOf({ t: tensor(0, 1, "U8", ["1"]) }, 1), /'t'.*malformed/],
  ["with a side beyond 2⁵³", fileOf({ t: tensor(0, 1, "U8", [2 ** 53]) }, 1), /'t'.*malformed/],
  [
    "with three offsets",
    fileOf({ t: { dtype: "U8", shape: [1], data_offsets: [0, 1, 1] } }, 1),
    /'t'.*malformed/,
  ],
  ["with metadata that is a list", fileOf({ __metadata__: ["a"] }, 0), /__metadata__.*strings/],
  [
    "with an entry without offsets",
    fileOf({ t: { dtype: "U8", shape: [1] } }, 1),
    /'t'.*malformed/,
  ],
  ["with a negative side", fileOf({ t: tensor(0, 4, "U8", [-4]) }, 4), /'t'.*malformed/],
  ["with a fractional offset", fileOf({ t: tensor(0, 1.5, "U8", [1]) }, 2), /'t'.*malformed/],
  [
    "with a wrong size",
    fileOf({ t: tensor(0, 6, "F32", [2]) }, 6),
    /'t'.*F32 of shape \[2\].*8 bytes/,
  ],
  [
    "with offsets in the wrong order",
    fileOf({ t: tensor(4, 0, "U8", [4]) }, 4),
    /'t'.*got \[4, 0\]/,
  ],
  ["with offsets outside", fileOf({ t: tensor(0, 9) }, 4), /'t'.*outside.*got \[0, 9\].*up to 4/],
  [
    "with offsets in the wrong order, of an unknown dtype",
    fileOf({ s: tensor(0, 4), t: tensor(4, 0, "F4", [4]) }, 4),
    /'t'.*(wrong order|overlaps).*got \[4, 0\]/,
  ],
  [
    "with an unknown dtype that overlaps",
    fileOf({ a: tensor(0, 4, "F4"), b: tensor(2, 6) }, 6),
    /'b'.*overlaps tensor 'a'/,
  ],
  [
    "with an unknown dtype outside",
    fileOf({ a: tensor(0, 9, "C64") }, 4),
    /'a'.*outside.*got \[0, 9\]/,
  ],
  [
    "that names a tensor twice",
    fileOf(
      `{"t":${JSON.stringify(tensor(0, 4))},"\\u0074":${JSON.stringify(tensor(0, 4))}}`,
      4,
    ),
    /header cannot be read: got ''t' stands twice.*each name once/,
  ],
  [
    "that says twice where a tensor lies",
    fileOf('{"t":{"dtype":"U8","shape":[4],"data_offsets":[0,8],"data_offsets":[0,4]}}', 4),
    /'data_offsets' stands twice/,
  ],
  [
    "with overlapping tensors",
    fileOf({ a: tensor(0, 4), b: tensor(2, 6) }, 6),
    /'b'.*overlaps tensor 'a'/,
  ],
  ["with the same bytes twice", fileOf({ a: tensor(0, 4), b: tensor(0, 4) }, 4), /overlaps/],
  ["with a hole", fileOf({ a: tensor(0, 2), b: tensor(3, 4) }, 4), /'b'.*hole.*begin at 2/],
  ["with bytes left over", fileOf({ a: tensor(0, 2) }, 5), /no tensor claims: got 3/],
];

async function open(bytes: Uint8Array): Promise<void> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "bad.safetensors");
  await Deno.writeFile(path, bytes);
  (await SafetensorsFile.open(path)).close();
}

for (const [name, bytes, message] of bad) {
  Deno.test(`a safetensors file ${name} is refused`, async () => {
    await assert.rejects(open(bytes), (error) => {
      assert.ok(error instanceof SafetensorsError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /bad\.safetensors/);
      return true;
    });
  });
}

Deno.test("a file that was closed says so to whoever reads it, and can be closed again", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "closed.safetensors");
  await Deno.writeFile(path, fileOf({ a: tensor(0, 4) }, 4));
  const file = await SafetensorsFile.open(path);
  const reading = file.read("a");
  file.close();
  file.close();
  assert.equal((await reading).bytes.length, 4, "what was begun before");
  await assert.rejects(file.read("a"), (error) => {
    assert.ok(error instanceof TensorFileError);
    assert.match(error.message, /closed\.safetensors': was closed; expected to be read before/);
    return true;
  });
});

Deno.test("a tensor of a type that is not known is passed over, and refused when it is read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "newer.safetensors");
  for (const dtype of ["F4", "F8_E8M0", "C64", "whatever comes next", "toString", ""]) {
    // Half a byte, a byte and eight bytes an element: what the offsets say is right.
    const header = { a: tensor(0, 4), t: tensor(4, 12, dtype, [16]), z: tensor(12, 14) };
    await Deno.writeFile(path, fileOf(header, 14));
    using file = await SafetensorsFile.open(path);
    assert.deepEqual([...file.tensors.keys()], ["a", "z"]);
    assert.equal(file.unreadable.get("t")?.dtype, dtype);
    assert.equal((await file.read("z")).bytes.length, 2);
    await assert.rejects(file.read("t"), (error) => {
      assert.ok(error instanceof TensorFileError);
      assert.ok(
        error.message.includes(`tensor 't': has an unknown dtype: got '${dtype}'; expected`),
      );
      return true;
    });
  }
});

Deno.test("a header of as many empty tensors as fit is read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "empty.safetensors");
  const entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
  const entries = Array.from({ length: 68_000 }, (_, i) => `"t${i}":${entry}`);
  await Deno.writeFile(path, fileOf(`{${entries.join()}}`.padEnd(4_000_000), 0));
  using file = await SafetensorsFile.open(path);
  assert.equal(file.tensors.size, 68_000);
});

Deno.test("names that stand once in each of several objects, or in texts, are no repetition", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "names.safetensors");
  const names = ["dtype", "\\", '"', '\\"', "a: {", "a: [", "é", "__proto__", "1", "01"];
  const header = new Map(names.map((name, i) => [name, tensor(i, i + 1)]));
  header.set(
    "deep",
    { ...tensor(names.length, names.length), a: { b: { c: { d: {} } } } } as never,
  );
  header.set("__metadata__", { dtype: '"dtype": "dtype"', shape: "{" } as never);
  const json = [...header].map((entry) => entry.map((part) => JSON.stringify(part)).join(": "));
  await Deno.writeFile(path, fileOf(`{ ${json.join(", ")} }`, names.length));
  using file = await SafetensorsFile.open(path);
  assert.deepEqual(new Set(file.tensors.keys()), new Set([...names, "deep"]));
});

const others: [name: string, make: (path: string) => Promise<unknown>, value: string][] = [
  ["a folder", (path) => Deno.mkdir(path), "'it is a folder'"],
  ["a pipe", (path) => new Deno.Command("mkfifo", { args: [path] }).output(), "'it is a pipe'"],
  ["a device", (path) => Deno.symlink("/dev/zero", path), "'it is a device'"],
  ["a link that leads nowhere", (path) => Deno.symlink("nowhere", path), "there is no such file"],
  ["a link to itself", (path) => Deno.symlink(path, path), "symbolic links"],
];
for (const [name, make, value] of others) {
  Deno.test(`${name} in the place of a safetensors file is refused, not waited for`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "weights.safetensors");
    await make(path);
    await assert.rejects(SafetensorsFile.open(path), (error) => {
      assert.ok(error instanceof SafetensorsError, String(error));
      assert.match(error.message, /weights\.safetensors': cannot be read: got '.*'; expected a /);
      assert.ok(error.message.includes(value), error.message);
      return true;
    });
  });
}

Deno.test("a file that becomes shorter while it is read is an error that says so", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "shorter.safetensors");
  await Deno.writeFile(path, fileOf({ a: tensor(0, 8) }, 8));
  using file = await SafetensorsFile.open(path);
  await Deno.truncate(path, 64);
  await assert.rejects(file.read("a"), (error) => {
    assert.ok(error instanceof TensorFileError, String(error));
    assert.match(
      error.message,
      /shorter\.safetensors': cannot be read to its end: got 'it has changed since'/,
    );
    return true;
  });
});

Deno.test("a missing safetensors file is named", async () => {
  const opening = SafetensorsFile.open("nowhere/at all.safetensors");
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof SafetensorsError);
    assert.match(error.message, /nowhere\/at all\.safetensors.*cannot be read/);
    return true;
  });
});

Deno.test("a file cut anywhere is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
      await assert.rejects(open(whole.subarray(0, length)), SafetensorsError);
    }),
    { numRuns: 50 },
  );
});
