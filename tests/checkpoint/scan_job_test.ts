import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Blake3 } from "../../lib/checkpoint/blake3.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { isLittle, roomFor } from "../../lib/checkpoint/room.ts";
import { BLOCK_BYTES, scan } from "../../lib/checkpoint/scan_job.ts";
import { ELEMENT_SIZES, type FloatType } from "../../lib/checkpoint/tensor.ts";
import { TensorFileError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { temporaryFolder } from "./tiny_checkpoint.ts";

/** Bits of numbers that are not finite, and the highest finite ones beside them. */
const BITS = {
  F32: { bad: [0x7f800000, 0xff800000, 0x7f800001, 0xffffffff], good: [0x7f7fffff, 0xff7fffff] },
  F16: { bad: [0x7c00, 0xfc00, 0x7c01, 0xffff], good: [0x7bff, 0xfbff] },
  BF16: { bad: [0x7f80, 0xff80, 0x7f81, 0xffff], good: [0x7f7f, 0xff7f] },
};
const TYPES = ["F32", "F16", "BF16"] as const;

function arrayOf(dtype: FloatType, count: number, bits: number) {
  const Kind = ELEMENT_SIZES[dtype] === 4 ? Uint32Array : Uint16Array;
  return new Kind(count).fill(bits);
}

for (const dtype of TYPES) {
  const { bad, good } = BITS[dtype];
  Deno.test(`the first ${dtype} that is not finite is found wherever it is, in any number of them`, async () => {
    const sizes = fc.integer({ min: 1, max: 200 });
    const cases = sizes.chain((count) =>
      fc.record({
        count: fc.constant(count),
        fill: fc.constantFrom(0, ...good),
        places: fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: 3 }),
        value: fc.constantFrom(...bad),
      })
    );
    await fc.assert(fc.asyncProperty(cases, async ({ count, fill, places, value }) => {
      const numbers = arrayOf(dtype, count, fill);
      for (const place of places) numbers[place] = value;
      const from = new Uint8Array(numbers.buffer);
      const { notFinite } = await scan({ from, into: null, digest: false, finite: dtype });
      assert.equal(notFinite, places.length === 0 ? -1 : Math.min(...places));
    }));
  });

  Deno.test(`an ${dtype} that is not finite is found at the borders of blocks, in a worker too`, async () => {
    const size = ELEMENT_SIZES[dtype];
    const [little, large] = [BLOCK_BYTES / size * 2 + 1, 9 * BLOCK_BYTES / size + 1];
    for (const count of [little, large]) {
      const border = BLOCK_BYTES / size;
      for (const place of [border - 1, border, 2 * border, count - 1]) {
        const from = roomFor(count * size);
        assert.equal(isLittle(from.length), count === little);
        const numbers = size === 4 ? new Uint32Array(from.buffer) : new Uint16Array(from.buffer);
        numbers[place] = bad[0];
        const { notFinite } = await scan({ from, into: null, digest: false, finite: dtype });
        assert.equal(notFinite, place);
      }
    }
  });
}

for (const [kind, count] of [["few", 70_001], ["many", 9 * BLOCK_BYTES + 13]] as const) {
  Deno.test(`a file's ${kind} bytes come as they are, with their digest, many tensors at once`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file.safetensors");
    const random = new SeededRandom(1);
    const tensors = ["a", "b", "c"].map((name) => {
      const bytes = new Uint8Array(count);
      for (let i = 0; i < count; i += 97) bytes[i] = random.integer(256);
      return { name, dtype: "U8" as const, shape: [count], bytes };
    });
    await writeSafetensors(path, tensors);
    using file = await SafetensorsFile.open(path);
    const wanted = { digest: true, finite: null };
    const found = await Promise.all(tensors.map(({ name }) => file.readScanned(name, wanted)));
    for (const [index, { raw, digest }] of found.entries()) {
      const { bytes } = tensors[index];
      assert.equal(raw.bytes.buffer instanceof SharedArrayBuffer, kind === "many");
      assert.ok(bytes.every((byte, i) => raw.bytes[i] === byte));
      assert.equal(digest, new Blake3().update(bytes).digest());
      const from = file.range(tensors[index].name);
      assert.equal((await scan({ from, into: null, digest: true, finite: null })).digest, digest);
    }
  });

  const changes: Record<string, (path: string) => Promise<void>> = {
    "written to": async (path) => {
      const file = await Deno.open(path, { write: true });
      await file.seek(-1, Deno.SeekMode.End);
      await file.write(Uint8Array.of(1));
      await file.utime(1, 1);
      file.close();
    },
    "another": async (path) => {
      const [bytes, { atime, mtime }] = [await Deno.readFile(path), await Deno.stat(path)];
      await Deno.writeFile(`${path}.new`, bytes);
      await Deno.utime(`${path}.new`, atime!, mtime!);
      await Deno.rename(`${path}.new`, path);
    },
    "shorter": (path) => Deno.truncate(path, 200),
    "gone": (path) => Deno.remove(path),
  };
  for (const [change, make] of Object.entries(changes)) {
    Deno.test(`a file that is ${change} since it was opened is refused, of ${kind} bytes`, async () => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, "file.safetensors");
      const bytes = new Uint8Array(count);
      await writeSafetensors(path, [{ name: "a", dtype: "U8", shape: [count], bytes }]);
      using file = await SafetensorsFile.open(path);
      await make(path);
      await assert.rejects(file.read("a"), (error) => {
        assert.ok(error instanceof TensorFileError);
        assert.match(error.message, /cannot be read to its end: got '(it has changed|there is no)/);
        assert.equal(error.fault.file, path);
        return true;
      });
    });
  }
}
