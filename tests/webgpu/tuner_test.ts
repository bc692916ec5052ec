/** How tiles are chosen: what is measured, what is remembered, and what suits which device. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DeviceError } from "../../lib/util/errors.ts";
import { input } from "../../lib/graph/graph.ts";
import type { Kernel, KernelFeatures, TileProblem } from "../../lib/engines/webgpu/kernel.ts";
import { silu } from "../../lib/graph/ops/elementwise.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import type { GpuDevice } from "../../lib/engines/webgpu/device.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { Pipelines } from "../../lib/engines/webgpu/pipelines.ts";
import { type ChooseTile, Tuner } from "../../lib/engines/webgpu/tuner.ts";
import { TuningFile } from "../../lib/engines/webgpu/tuning_file.ts";
import { gpuTest, presentAdapter } from "./gpu.ts";

const features: KernelFeatures = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

const problem: TileProblem = { kernel: "matmul NT f32 f32", rows: 64, columns: 128, inner: 256 };
const candidates = ["registers 16x8", "registers 8x8", "workgroup 64x64x16", "workgroup 32x32x32"];

/** A device in name only. */
function named(name: string, software: boolean) {
  return { device: { adapter: { name, software } } as GpuDevice, pipelines: {} as Pipelines };
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("without measurements the first tile of the device's family is taken", async () => {
  const cpu = await Tuner.open(named("a CPU", true));
  assert.equal(cpu.tile(problem, candidates), "registers 16x8");
  const gpu = await Tuner.open(named("a GPU", false));
  assert.equal(gpu.tile(problem, candidates), "workgroup 64x64x16");
  assert.equal(gpu.tile(problem, candidates.slice(0, 2)), "registers 16x8");
});

Deno.test("a file holds the tiles of each adapter by class of products", async () => {
  await inFolder(async (folder) => {
    const file = new TuningFile(join(folder, "made", "tunings.json"));
    assert.deepEqual(await file.read("a GPU"), {});
    await file.add("a GPU", "matmul NT f32 f32 64x128x256", "workgroup 32x32x32");
    await file.add("another GPU", "matmul NT f32 f32 64x128x256", "registers 8x8");
    await file.add("a GPU", "matmul NT f32 f32 64x128x512", "a tile of an older version");

    const tuner = await Tuner.open(named("a GPU", false), { file });
    const tile = (sizes: Partial<TileProblem>) => tuner.tile({ ...problem, ...sizes }, candidates);
    assert.equal(tile({}), "workgroup 32x32x32");
    // Sizes are rounded up to powers of two.
    assert.equal(tile({ rows: 33, columns: 65, inner: 129 }), "workgroup 32x32x32");
    for (
      const other of [{ rows: 32 }, { rows: 65 }, { kernel: "matmul NN f32 f32" }, { inner: 300 }]
    ) {
      assert.equal(tile(other), "workgroup 64x64x16");
    }
    assert.deepEqual([...Deno.readDirSync(join(folder, "made"))].map(({ name }) => name), [
      "tunings.json",
    ]);
  });
});

for (const text of ["", "{", "[]", '{"a GPU": []}', '{"a GPU": {"matmul": 3}}', "null"]) {
  Deno.test(`a file that holds ${text || "nothing"} is refused with its name`, async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "tunings.json");
      await Deno.writeTextFile(path, text);
      await assert.rejects(
        Tuner.open(named("a GPU", false), { file: new TuningFile(path) }),
        (error) => error instanceof DeviceError && error.fault.file === path,
      );
    });
  });
}

/** Two classes of products, one of them twice, and the lowering of their graph. */
function products() {
  const x = input("x", [20, 64]);
  const outputs = {
    first: matmul(x, input("first", [24, 64]), { transposeSecond: true }),
    second: matmul(x, input("second", [30, 64]), { transposeSecond: true }),
    signed: signMatmul(x, input("mask", [2, 24], "i32")),
  };
  return (tile: ChooseTile) => lower(outputs, { features, tile });
}

gpuTest(
  "each class of products is measured once, and a file spares later engines",
  async ({ device }) => {
    await inFolder(async (folder) => {
      const compiled: Kernel[] = [];
      class Counted extends Pipelines {
        override get(kernel: Kernel) {
          compiled.push(kernel);
          return super.get(kernel);
        }
      }
      const state = { device, pipelines: new Counted(device) };
      const file = new TuningFile(join(folder, "tunings.json"));
      const before = device.allocatedBytes;
      const tuner = await Tuner.open(state, { file, measuredFrom: 20 * 24 * 64 });
      await tuner.prepare(products());
      assert.equal(device.allocatedBytes, before);

      const known = await file.read(device.adapter.name);
      const classes = ["matmul NT f32 f32 32x32x64", "signMatmul f32 by four 32x32x64"];
      assert.deepEqual(Object.keys(known).sort(), classes);
      const timed = compiled.map(({ name }) => name);
      assert.equal(new Set(timed).size, timed.length);
      for (const tile of Object.values(known)) {
        assert.ok(timed.some((name) => name.endsWith(tile)), tile);
      }
      for (const { kernel } of products()(tuner.tile).dispatches) {
        const { kernel: text, rows } = kernel.problem!;
        const [key] = classes.filter((each) => each.startsWith(text) && rows === 20);
        assert.ok(kernel.name.endsWith(known[key]), kernel.name);
      }

      compiled.length = 0;
      await tuner.prepare(products());
      const later = await Tuner.open(state, { file, measuredFrom: 20 * 24 * 64 });
      await later.prepare(products());
      assert.deepEqual(compiled, []);
    });
  },
);

gpuTest("small products are not measured", async ({ device }) => {
  const pipelines = {
    get: () => {
      throw new Error("measured");
    },
  } as unknown as Pipelines;
  const tuner = await Tuner.open({ device, pipelines });
  await tuner.prepare(products());
});

gpuTest("products with an operand that cannot be bound are not measured", async () => {
  const adapter = await presentAdapter();
  const limits = new Proxy(adapter.limits, {
    get: (of, name) => name === "maxStorageBufferBindingSize" ? 1000 : Reflect.get(of, name, of),
  });
  Object.defineProperty(adapter, "limits", { value: limits });
  using engine = await openWebGpuEngine({ adapter });
  const { device } = engine;
  assert.equal(device.adapter.limits.maxStorageBufferBindingSize, 1000);
  const pipelines = {
    get: () => {
      throw new Error("measured");
    },
  } as unknown as Pipelines;
  const tuner = await Tuner.open({ device, pipelines }, { measuredFrom: 1 });
  await tuner.prepare(products());
  const program = await engine.compile({
    y: matmul(input("x", [20, 64]), input("w", [64, 24])),
  });
  const feeds = { x: new Float32Array(20 * 64), w: new Float32Array(64 * 24) };
  await assert.rejects(program.run(feeds), /matmul.*larger than .* can bind: got '\[20,64\]/);
});

gpuTest("without room to measure the first tile is taken", async ({ device }) => {
  using engine = await openWebGpuEngine({ memory: 1000 });
  const state = { device: engine.device, pipelines: new Pipelines(engine.device) };
  const tuner = await Tuner.open(state, { measuredFrom: 1 });
  await tuner.prepare(products());
  const [{ kernel }] = products()(tuner.tile).dispatches;
  const usual = products()((await Tuner.open({ ...state, device })).tile).dispatches[0];
  assert.equal(kernel.name, usual.kernel.name);
});

gpuTest("all kernels of one product are measured together", async ({ device }) => {
  const compiled: string[] = [];
  class Counted extends Pipelines {
    override get(kernel: Kernel) {
      compiled.push(kernel.name);
      return super.get(kernel);
    }
  }
  const tuner = await Tuner.open({ device, pipelines: new Counted(device) }, { measuredFrom: 1 });
  await tuner.prepare((tile) => {
    const product = matmul(input("x", [20, 64]), input("w", [64, 24]));
    const graph = lower({ y: silu(product) }, { features, tile });
    const { problem } = graph.dispatches[0].kernel;
    const dispatches = graph.dispatches.map((each) => ({
      ...each,
      kernel: { ...each.kernel, problem },
    }));
    return { ...graph, dispatches };
  });
  const [product, second] = [compiled[0], compiled[1]];
  assert.ok(product.startsWith("matmul") && !second.startsWith("matmul"), `${compiled}`);
  assert.equal(compiled.filter((name) => name === second).length, compiled.length / 2);
});
