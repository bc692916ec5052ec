/** Files of torch that are damaged, or made to mislead: refused in one line, or read as what they are. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { byteCount } from "../../../lib/checkpoint/tensor.ts";
import { TorchFile } from "../../../lib/checkpoint/torch/torch_file.ts";
import { TensorFileError, TorchError } from "../../../lib/util/errors.ts";
import { SeededRandom } from "../../../lib/util/random.ts";
import { temporaryFolder } from "../tiny_checkpoint.ts";
import { plainPickle } from "./plain_pickle.ts";
import {
  archiveEntries,
  plainState,
  type PlainTensor,
  plainTorch,
  type SaveKind,
} from "./plain_torch.ts";
import { type PlainEntry, plainZip, type ZipKind } from "./plain_zip.ts";

const TENSORS: readonly PlainTensor[] = [
  { name: "a", dtype: "F32", shape: [2, 3], bytes: Uint8Array.from({ length: 24 }, (_, at) => at) },
  { name: "b", dtype: "I32", shape: [5], bytes: new Uint8Array(20).fill(7), isParameter: true },
];
const { value, storages } = plainState(TENSORS);
const PICKLE = plainPickle(value, 2);

/** The bytes of a file, of whose entries some are other. */
function changed(
  change: (entries: PlainEntry[]) => PlainEntry[],
  kind: SaveKind & ZipKind = {},
): Uint8Array {
  return plainZip(change(archiveEntries(PICKLE, storages, kind)), kind);
}

/** Changes one entry. */
function entry(name: string, change: (entry: PlainEntry) => Partial<PlainEntry>) {
  return (entries: PlainEntry[]) =>
    entries.map((each) => each.name === `archive/${name}` ? { ...each, ...change(each) } : each);
}

function of(tensor: Partial<PlainTensor>): Uint8Array {
  return plainTorch([{ ...TENSORS[0], ...tensor }]);
}

function patched(bytes: Uint8Array, fromEnd: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, copy.length - fromEnd);
  return copy;
}

const more = (name: string, content: Uint8Array = new Uint8Array(3)) => (entries: PlainEntry[]) => [
  ...entries,
  { name, content },
];
const plain = plainTorch(TENSORS);
const zip64 = plainTorch(TENSORS, { zip64: true });

const refused: Record<string, [bytes: Uint8Array, message: RegExp]> = {
  "nothing": [new Uint8Array(0), /it is no ZIP file/],
  "a pointer of Git LFS": [
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
    /is a pointer of Git LFS in the place of a file; expected the file itself/,
  ],
  "a pickle of torch before 1.6": [
    Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20),
    /a bare pickle, as torch before 1\.6 wrote them; save it again/,
  ],
  "a comment": [plainTorch(TENSORS, { comment: "PK\x05\x06" }), /has a comment/],
  "an end with another before it": [
    Uint8Array.from([...plain, ...plain.slice(-22)]),
    /does not lie before/,
  ],
  "two files one after the other": [
    Uint8Array.from([...plain, ...plain]),
    /does not lie before its end/,
  ],
  "something before its end": [
    Uint8Array.from([...plain.slice(0, -22), 0, ...plain.slice(-22)]),
    /does not lie before its end/,
  ],
  "several disks": [patched(plain, 18, 1), /on several disks/],
  "one entry less than there are": [patched(plain, 14, 4, 0, 4), /more than its entries/],
  "more entries than there are": [patched(plain, 14, 9, 0, 9), /ends after 5 of 9 entries/],
  "ends that differ": [patched(zip64, 14, 4, 0, 4), /its two ends differ/],
  "a ZIP64 end that is elsewhere": [patched(zip64, 34, 1), /its ZIP64 end is elsewhere/],
  "a number of 2⁶³": [
    patched(zip64, 22 + 20 + 8, ...new Array(8).fill(0xff)),
    /its two ends differ|numbers up to/,
  ],
  "a name that leads elsewhere": [
    changed(more("archive/../../etc/passwd")),
    /named 'archive\/\.\.\/\.\.\/etc/,
  ],
  "a name from the root": [changed(more("/etc/passwd")), /an entry is named '\/etc\/passwd'/],
  "a name of another system": [changed(more("archive\\data\\9")), /an entry is named/],
  "a name with a zero in it": [changed(more("archive/a\0b")), /an entry is named/],
  "a name twice": [changed(more("archive/data/0")), /entry 'archive\/data\/0' is there twice/],
  "two folders": [changed(more("other/data.pkl", PICKLE)), /it has 2 folders or files at its root/],
  "another name in its place than in the directory": [
    changed(entry("data/0", () => ({ localName: "archive/data/1" }))),
    /entry 'archive\/data\/0' is another in its place/,
  ],
  "an entry that is encrypted": [
    changed(entry("data/0", () => ({ says: { flags: 1 } }))),
    /is encrypted/,
  ],
  "an entry that is packed in another way": [
    changed(entry("data/0", () => ({ says: { method: 12 } }))),
    /packed by method 12.*stored or deflated/,
  ],
  "an entry that is larger than its bytes": [
    changed(entry("data/0", () => ({ says: { length: 25 } }))),
    /'archive\/data\/0' has 25 bytes in 24/,
  ],
  "a bomb": [
    changed(entry("data/0", () => ({ says: { length: 2 ** 31 } })), { deflated: true }),
    /'archive\/data\/0' has 2147483648 bytes in \d\d/,
  ],
  "a bomb in the place of the pickle": [
    changed(entry("data.pkl", () => ({ content: new Uint8Array(5_000_000) })), { deflated: true }),
    /'archive\/data\.pkl' is of 5000000 bytes, and at most 4000000/,
  ],
  "entries that overlap": [
    changed(entry("data/0", () => ({ says: { packed: 150, length: 150 } }))),
    /entry 'archive\/data\/0' overlaps what follows it/,
  ],
  "an entry that lies in the directory": [
    changed(entry("data/0", () => ({ says: { begin: plain.length - 60 } }))),
    /lies outside of what is before its directory|is another in its place/,
  ],
  "the byte order of other machines": [
    plainTorch(TENSORS, { byteOrder: "big" }),
    /its byte order is 'big'/,
  ],
  "a program": [changed(more("archive/constants.pkl")), /a program of TorchScript/],
  "no pickle": [changed((entries) => entries.slice(1)), /it has no 'archive\/data\.pkl'/],
  "a pickle with more behind it": [
    changed(entry("data.pkl", ({ content }) => ({ content: Uint8Array.from([...content, 46]) }))),
    /its pickle is followed by more/,
  ],
  "a storage that is not there": [
    changed((entries) => entries.filter(({ name }) => name !== "archive/data/1")),
    /tensor 'b': has no such storage: got 'no 'data\/1''/,
  ],
  "a storage that is too short": [
    changed(entry("data/1", () => ({ content: new Uint8Array(19) }))),
    /tensor 'b': .* got '19 bytes in 'data\/1''; expected an entry of 20 bytes/,
  ],
  "a view out of its storage": [of({ offset: 1 }), /tensor 'a': reaches out of its storage/],
  "a shape that is larger than its storage": [
    of({ shape: [2 ** 30, 2 ** 30], strides: [2 ** 30, 1] }),
    /reaches out of its storage/,
  ],
  "a transposed view": [
    of({ shape: [3, 2], strides: [1, 3] }),
    /tensor 'a': is a view that is not contiguous: got 'strides \[1,3\] of shape \[3,2\]'/,
  ],
  "rows over one another": [of({ strides: [0, 1] }), /is a view that is not contiguous/],
};

for (
  const [name, value, message] of [
    ["a list", [1], /holds something else than tensors: got 'a list or tuple'/],
    ["a number by name", new Map([["epoch", 3]]), /tensor 'epoch': holds .* got 'a number'/],
    [
      "a dictionary in it",
      new Map([["model", new Map()]]),
      /tensor 'model': .* got 'a dictionary'/,
    ],
    ["nothing by name", new Map([["a", null]]), /tensor 'a': .* got 'None'/],
    [
      "a class by name",
      new Map([["a", { global: "torch.FloatStorage" }]]),
      /'bytes, a class or a function'/,
    ],
  ] as const
) {
  const content = plainPickle(value, 2);
  refused[`${name} instead of tensors`] = [
    changed(entry("data.pkl", () => ({ content }))),
    message,
  ];
}

for (const [name, [bytes, message]] of Object.entries(refused)) {
  Deno.test(`a file is refused: ${name}`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "x.pt");
    await Deno.writeFile(path, bytes);
    await assert.rejects(TorchFile.open(path), (error) => {
      assert.ok(error instanceof TorchError, String(error));
      assert.match(error.message, message);
      assert.ok(error.message.includes("x.pt'") && !error.message.includes("\n"), error.message);
      return true;
    });
  });
}

Deno.test("folders of their own in a file, as others pack them, are no entries that count", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "x.pt");
  await Deno.writeFile(path, changed(more("archive/data/", new Uint8Array(0))));
  (await TorchFile.open(path)).close();
});

Deno.test("a storage that is deflated and damaged is refused when it is read, by its CRC or its length", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "x.pt");
  for (const says of [{ crc: 1 }, { length: 25 }, { length: 200 }]) {
    await Deno.writeFile(path, changed(entry("data/1", () => ({ says })), { deflated: true }));
    const read = async () => {
      using file = await TorchFile.open(path);
      return await file.read("b");
    };
    await assert.rejects(read, /^TorchError: .*x\.pt': entry 'archive\/data\/1' is damaged/);
  }
});

/** What a file gives: its tensors as text, or the error. */
async function outcome(path: string): Promise<string | null> {
  try {
    using file = await TorchFile.open(path);
    const found = [];
    for (const [name, info] of file.tensors) {
      const { bytes } = await file.read(name);
      assert.equal(bytes.length, byteCount(info));
      found.push([name, info.dtype, info.shape, [...bytes]]);
    }
    return JSON.stringify(found);
  } catch (error) {
    assert.ok(error instanceof TensorFileError, String(error));
    assert.ok(!error.message.includes("\n"));
    return null;
  }
}

Deno.test("a file that is cut short is refused, wherever", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "x.pt");
  for (const bytes of [plain, plainTorch(TENSORS, { deflated: true, zip64: true })]) {
    for (let length = 0; length < bytes.length; length += length < 60 ? 1 : 13) {
      await Deno.writeFile(path, bytes.subarray(0, length));
      assert.equal(await outcome(path), null);
    }
  }
});

Deno.test("of a file with changed bytes comes an error, or, where all is deflated, what was saved", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "x.pt");
  const random = new SeededRandom(11);
  const below = (limit: number) => random.integer(limit);
  const kinds: SaveKind[] = [{}, { zip64: true, descriptors: true }, {
    deflated: true,
    protocol: 4,
  }];
  let read = 0;
  for (const kind of kinds) {
    const bytes = plainTorch(TENSORS, kind);
    await Deno.writeFile(path, bytes);
    const expected = await outcome(path);
    assert.ok(expected);
    for (let round = 0; round < 150; round++) {
      const copy = bytes.slice();
      for (let change = 0; change <= below(3); change++) {
        const at = below(copy.length);
        copy[at] = [copy[at] ^ 1 << below(8), 0, 0xff, below(256)][below(4)];
      }
      await Deno.writeFile(path, copy);
      const found = await outcome(path);
      if (found !== null) read++;
      if (kind.deflated && found !== null) assert.equal(found, expected);
    }
  }
  assert.ok(read > 40);
});
