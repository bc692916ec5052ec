/** Files that torch itself wrote: `tests/fixtures/torch/README.md` says how. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { SafetensorsFile } from "../../../lib/checkpoint/safetensors.ts";
import { TorchFile } from "../../../lib/checkpoint/torch/torch_file.ts";
import { openDelta } from "../../../lib/delta/delta_file.ts";
import { writeStudyDiff } from "../../../lib/delta/study_diff.ts";
import { TorchError } from "../../../lib/util/errors.ts";
import { temporaryFolder } from "../tiny_checkpoint.ts";

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly hex: string;
}

function fixture(name: string): string {
  return new URL(`../../fixtures/torch/${name}`, import.meta.url).pathname;
}

const expected: Record<string, Record<string, Expected>> = JSON.parse(
  await Deno.readTextFile(fixture("expected.json")),
);

const files: Record<string, string> = {
  ...Object.fromEntries([2, 3, 4, 5].map((protocol) => [`types.p${protocol}.pt`, "types"])),
  "later.p2.pt": "later",
  "later.p5.pt": "later",
  "state_dict.p2.pt": "state_dict",
  "deflated.pt": "types",
};

for (const [name, content] of Object.entries(files)) {
  Deno.test(`torch's own ${name} is read to the bit`, async () => {
    using file = await TorchFile.open(fixture(name));
    assert.deepEqual([...file.tensors.keys()], Object.keys(expected[content]));
    for (const [tensor, { dtype, shape, hex }] of Object.entries(expected[content])) {
      const found = await file.read(tensor);
      const read = {
        dtype: found.dtype,
        shape: found.shape,
        hex: Buffer.from(found.bytes).toString("hex"),
      };
      assert.deepEqual(read, { dtype, shape, hex }, tensor);
    }
  });
}

Deno.test("weights that torch tied lie in one place", async () => {
  using file = await TorchFile.open(fixture("types.p2.pt"));
  assert.deepEqual(file.range("tied.a"), file.range("tied.b"));
  assert.notDeepEqual(file.range("view"), file.range("whole"));
});

Deno.test("tensors that require gradients and are no parameters are read", async () => {
  using file = await TorchFile.open(fixture("not_leaf.pt"));
  const [coeff, weight] = [await file.read("coeff"), await file.read("weight")];
  assert.deepEqual([coeff.shape, [...coeff.bytes]], [[], [0, 0, 0, 63]]);
  assert.deepEqual([weight.shape, [...weight.bytes]], [
    [2, 3],
    Array(6).fill([0, 0, 0, 64]).flat(),
  ]);
});

const refused: Record<string, RegExp> = {
  "legacy.pt": /it is a bare pickle, as torch before 1\.6 wrote them/,
  "refused_columns.pt":
    /tensor 't': is a view that is not contiguous: got 'strides \[4,1\] of shape/,
  "refused_complex.pt": /'torch\.ComplexFloatStorage' at byte \d+/,
  "refused_expanded.pt": /tensor 't': is a view that is not contiguous/,
  "refused_list.pt": /holds something else than tensors: got 'a list or tuple'/,
  "refused_module.pt": /'torch\.nn\.modules\.linear\.Linear' at byte 2/,
  "refused_nested.pt": /tensor 'epoch': holds something else than tensors: got 'a number'/,
  "refused_program.pt": /it is a program of TorchScript/,
  "refused_quantised.pt": /'torch\._utils\._rebuild_qtensor' at byte \d+/,
  "refused_sparse.pt": /'torch\._utils\._rebuild_sparse_tensor' at byte \d+/,
  "refused_tensor.pt": /holds something else than tensors: got 'a tensor'/,
  "refused_transposed.pt": /tensor 't': is a view that is not contiguous: got 'strides \[1,4\]/,
};

for (const [name, message] of Object.entries(refused)) {
  Deno.test(`torch's own ${name} is refused`, async () => {
    await assert.rejects(TorchFile.open(fixture(name)), (error) => {
      assert.ok(error instanceof TorchError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a diff.pt that torch wrote is a delta, of the same bytes as in safetensors", async () => {
  using delta = await openDelta(fixture("diff.pt"));
  using contents = await SafetensorsFile.open(fixture("diff_contents.safetensors"));
  const entries = new Set<string>();
  for (const layer of delta.layers.keys()) {
    const { terms: [{ parts }] } = await delta.readLayer(layer);
    for (const [part, { bytes }] of Object.entries(parts)) {
      assert.deepEqual(bytes, (await contents.read(`${layer}.${part}`)).bytes);
      entries.add(`${layer}.${part}`);
    }
  }
  for (const name of delta.whole.keys()) {
    assert.deepEqual(await delta.readWhole(name), await contents.read(name));
    entries.add(name);
  }
  assert.deepEqual([...entries].sort(), [...contents.tensors.keys()].sort());
});

Deno.test("what is written is to the byte what torch was seen to read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "diff.pt");
  using delta = await openDelta(fixture("written_diff.pt"));
  await writeStudyDiff(path, delta);
  const [found, read] = [
    await Deno.readFile(path),
    await Deno.readFile(fixture("written_diff.pt")),
  ];
  assert.equal(Buffer.compare(found, read), 0);
});
