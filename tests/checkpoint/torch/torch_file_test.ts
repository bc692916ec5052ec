import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { ELEMENT_SIZES, type TensorType } from "../../../lib/checkpoint/tensor.ts";
import { TorchFile } from "../../../lib/checkpoint/torch/torch_file.ts";
import { writeTorch } from "../../../lib/checkpoint/torch/write_torch.ts";
import { TensorFileError, TorchError } from "../../../lib/util/errors.ts";
import { temporaryFolder } from "../tiny_checkpoint.ts";
import { type PlainTensor, plainTorch, type SaveKind } from "./plain_torch.ts";

/** Bytes that differ from place to place. */
function counted(length: number, from = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (from + 37 * at) & 255);
}

/** A tensor of each type, parameters among them. */
const EACH_TYPE: readonly PlainTensor[] = (Object.keys(ELEMENT_SIZES) as TensorType[]).map(
  (dtype, index) => ({
    name: `layer.${index}.${dtype}`,
    dtype,
    shape: [3, index + 1],
    bytes: counted(3 * (index + 1) * ELEMENT_SIZES[dtype], index),
    isParameter: index % 3 === 0,
  }),
);

const KINDS: readonly (SaveKind & { readonly name: string })[] = [
  ...[2, 3, 4, 5].flatMap((protocol) => [
    { name: `protocol ${protocol}, stored`, protocol },
    { name: `protocol ${protocol}, deflated`, protocol, deflated: true, isOrdered: true },
  ]),
  { name: "as torch has it", zip64: true, descriptors: true, isOrdered: true, folder: "diff" },
  { name: "without byte order, as torch before 2.1", byteOrder: null },
];

for (const { name, ...kind } of KINDS) {
  Deno.test(`tensors of every type are read from a file of torch.save: ${name}`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "state.pt");
    await Deno.writeFile(path, plainTorch(EACH_TYPE, kind));
    using file = await TorchFile.open(path);
    assert.deepEqual([...file.tensors.keys()], EACH_TYPE.map((each) => each.name));
    for (const { name, dtype, shape, bytes } of EACH_TYPE) {
      const found = await file.read(name);
      assert.deepEqual([found.dtype, found.shape], [dtype, shape]);
      assert.deepEqual(found.bytes, bytes);
      // Of a range alone, as workers read it.
      assert.equal(file.range(name).byteLength, bytes.length);
      assert.equal(file.range(name).deflated !== undefined, kind.deflated === true);
    }
  });
}

Deno.test("views that are contiguous are read from the storage that they share, with no copy of it", async () => {
  const bytes = counted(4 * 24);
  const view = (name: string, offset: number, shape: number[], strides?: number[]) =>
    ({ name, dtype: "F32", shape, bytes, offset, strides }) as const;
  const tensors = [
    view("all", 0, [4, 6]),
    view("tied", 0, [4, 6]),
    view("rows", 12, [2, 6]),
    view("one column of a row", 7, [1, 1], [6, 5]),
    view("nothing", 24, [0, 6]),
    view("scalar", 23, []),
  ];
  for (const deflated of [false, true]) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "state.pt");
    await Deno.writeFile(path, plainTorch(tensors, { deflated }));
    using file = await TorchFile.open(path);
    for (const { name, offset, shape } of tensors) {
      const length = 4 * shape.reduce((product, side) => product * side, 1);
      const expected = bytes.subarray(4 * offset, 4 * offset + length);
      assert.deepEqual((await file.read(name)).bytes, new Uint8Array(expected), name);
    }
    assert.deepEqual(file.range("tied"), file.range("all"));
    assert.ok(await file.isSame("tied", file, "all"));
    assert.ok(!await file.isSame("rows", file, "all"));
  }
});

Deno.test("many tensors are read: of a memo with more entries than a byte counts", async () => {
  const tensors = Array.from({ length: 300 }, (_, index): PlainTensor => ({
    name: `model.layers.${index}.weight`,
    dtype: "I32",
    shape: [1],
    bytes: new Uint8Array(Int32Array.of(index - 150).buffer),
  }));
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.pt");
  for (const protocol of [2, 5]) {
    await Deno.writeFile(path, plainTorch(tensors, { protocol }));
    using file = await TorchFile.open(path);
    for (const { name, bytes } of tensors) assert.deepEqual((await file.read(name)).bytes, bytes);
  }
});

Deno.test("what is written is read again, at multiples of 64 bytes, and is the same file each time", async () => {
  const tensors = EACH_TYPE.filter(({ dtype }) => !/^(U16|U32|U64|F8.*)$/.test(dtype));
  await using folder = await temporaryFolder();
  const [path, again] = ["a.pt", "b.pt"].map((name) => join(folder.path, name));
  const bytesOf = (name: string) =>
    Promise.resolve(tensors.find((each) => each.name === name)!.bytes);
  await writeTorch(path, tensors, bytesOf);
  await writeTorch(again, tensors, bytesOf);
  assert.deepEqual(await Deno.readFile(path), await Deno.readFile(again));
  using file = await TorchFile.open(path);
  assert.deepEqual([...file.tensors.keys()], tensors.map((each) => each.name));
  for (const { name, dtype, shape, bytes } of tensors) {
    assert.deepEqual(await file.read(name), { dtype, shape, bytes });
    assert.equal(file.range(name).begin % 64, 0);
  }
});

Deno.test("a type that torch has no storages of, and bytes that do not fit, leave no file behind", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.pt");
  const write = (dtype: TensorType) =>
    writeTorch(path, [{ name: "a", dtype, shape: [2] }], () => Promise.resolve(new Uint8Array(3)));
  await assert.rejects(
    write("U16"),
    /^TorchError: .*state\.pt', tensor 'a': is of a type .* got 'U16'/,
  );
  await assert.rejects(write("F32"), /^RangeError: tensor 'a' has 3 bytes; expected 8 for F32/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder.path)), []);
});

Deno.test("a file that changes since it was opened, or was closed, is not read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.pt");
  await Deno.writeFile(path, plainTorch(EACH_TYPE));
  const file = await TorchFile.open(path);
  await Deno.writeFile(path, plainTorch(EACH_TYPE.slice(1)));
  await assert.rejects(file.read(EACH_TYPE[1].name), TensorFileError);
  file.close();
  await assert.rejects(file.read(EACH_TYPE[1].name), /was closed/);
  await assert.rejects(TorchFile.open(join(folder.path, "nothing.pt")), TorchError);
});

Deno.test("a tensor that a worker reads is unpacked there, and refused there when it is damaged", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.pt");
  // Of more bytes than are read where they are asked for.
  const bytes = new Uint8Array(5 * 2 ** 20).fill(3);
  const tensor: PlainTensor = { name: "a", dtype: "U8", shape: [bytes.length], bytes };
  const packed = plainTorch([tensor], { deflated: true });
  await Deno.writeFile(path, packed);
  {
    using file = await TorchFile.open(path);
    const found = await file.read("a");
    assert.ok(found.bytes.buffer instanceof SharedArrayBuffer);
    assert.equal(Buffer.compare(found.bytes, bytes), 0);
  }
  // The CRC in the directory, which is the last place of the name.
  const name = new TextEncoder().encode("archive/data/0");
  const at = Buffer.from(packed).lastIndexOf(name);
  packed[at - 46 + 16] ^= 1;
  await Deno.writeFile(path, packed);
  using file = await TorchFile.open(path);
  await assert.rejects(file.read("a"), (error) => {
    assert.ok(error instanceof TorchError);
    assert.match(error.message, /state\.pt': entry 'archive\/data\/0' is damaged: got 'the CRC/);
    return true;
  });
});
