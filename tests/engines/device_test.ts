/** Which engine the name of a device stands for, and what its details say of why. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEngine } from "../../lib/engines/device.ts";
import { DeviceError, OptionError } from "../../lib/util/errors.ts";
import { describeAdapter, isOpenGl } from "../../lib/engines/webgpu/adapter.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { gpuTest, presentAdapter } from "../webgpu/gpu.ts";

/** Vulkan's loader and that of OpenGL, which Deno turns to next, with no driver to load. */
const noVulkan = { VK_DRIVER_FILES: "/dev/null" };
const noDrivers = { ...noVulkan, __EGL_VENDOR_LIBRARY_FILENAMES: "/dev/null" };

/** Answers of `open_engine.ts` in a process with these variables of the environment. */
async function openedWith(
  env: Record<string, string>,
  device: string,
): Promise<Record<string, unknown>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-read",
      "--allow-ffi=node_modules",
      fileURLToPath(new URL("open_engine.ts", import.meta.url)),
      device,
    ],
    env,
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

const linux = { ignore: Deno.build.os !== "linux" };

Deno.test("without a GPU, 'auto' is the CPU and says so", linux, async () => {
  const { device, chosen, name } = await openedWith(noDrivers, "auto");
  assert.deepEqual([device, chosen], ["cpu", "auto: there is no WebGPU adapter"]);
  assert.match(String(name), /^onnxruntime-node .*, 1 threads$/);
});

Deno.test("without a GPU, 'webgpu' is refused", linux, async () => {
  const { error, message } = await openedWith(noDrivers, "webgpu");
  assert.equal(error, DeviceError.name);
  assert.match(String(message), /^option 'device': there is no WebGPU adapter: got 'webgpu'/);
});

// Without OpenGL either, it is as without a GPU.
Deno.test("OpenGL alone is no WebGPU: 'auto' is the CPU, 'webgpu' is refused", linux, async () => {
  const reason = /(there is no WebGPU adapter|'[^']+' is OpenGL, no WebGPU to compute on)/;
  const { device, chosen } = await openedWith(noVulkan, "auto");
  assert.equal(device, "cpu");
  assert.match(String(chosen), new RegExp(`^auto: .*${reason.source}$`));
  const { error, message } = await openedWith(noVulkan, "webgpu");
  assert.equal(error, DeviceError.name);
  assert.match(String(message), new RegExp(`^option 'device': .*${reason.source}: got 'webgpu'`));
});

/** What Deno tells of adapters that this was tried on, or that wgpu describes so. */
const adapters: [name: string, device: string, textures: number, samplers: number, is: boolean][] =
  [
    ["llvmpipe by OpenGL", "0", 16, 16, true],
    ["llvmpipe by Vulkan", "0", 124976, 124976, false],
    ["an H100 by Vulkan", "9008", 1048576, 1048576, false],
    ["a Mali by Vulkan", "1879179264", 16, 16, false],
    ["an M1 by Metal", "0", 128, 16, false],
  ];

for (const [name, device, textures, samplers, expected] of adapters) {
  Deno.test(`${name} is ${expected ? "" : "not "}OpenGL`, () => {
    const limits = {
      maxSampledTexturesPerShaderStage: textures,
      maxSamplersPerShaderStage: samplers,
    };
    const adapter = { info: { device }, limits } as unknown as GPUAdapter;
    assert.equal(isOpenGl(adapter), expected);
  });
}

Deno.test("the CPU needs no reason where it is asked for", async () => {
  const { details } = await openEngine({ device: "cpu", threads: 2 });
  assert.deepEqual(details, { device: "cpu", chosen: "asked for", facts: { threads: 2 } });
});

Deno.test("a device of another name is refused with the names there are", async () => {
  await assert.rejects(openEngine({ device: "tpu" as "cpu" }), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, /got 'tpu'; expected auto, cpu, webgpu/);
    return true;
  });
});

gpuTest("'auto' is a GPU only where it is a real one", async () => {
  const { name, software } = describeAdapter(await presentAdapter());
  const { details } = await openEngine({ threads: 1 });
  assert.equal(details.device, software ? "cpu" : "webgpu");
  assert.equal(
    details.chosen,
    software ? `auto: the adapter '${name}' computes on the CPU` : `auto: '${name}' is a GPU`,
  );
});

gpuTest(
  "a GPU's details name the adapter, its limits and the features in use",
  ({ details, device }) => {
    assert.equal(details.device, "webgpu");
    assert.equal(details.facts.name, device.adapter.name);
    assert.deepEqual(details.facts.limits, device.adapter.limits);
    assert.equal(
      (details.facts.features as string[]).includes("subgroups"),
      device.features.subgroups,
    );
  },
);

gpuTest("a file of tiles that holds something else is refused, and none need be kept", async () => {
  await using folder = await temporaryFolder();
  const tunings = join(folder.path, "tiles.json");
  await Deno.writeTextFile(tunings, "[]");
  await assert.rejects(openEngine({ device: "webgpu", tunings }), (error: Error) => {
    assert.ok(error instanceof DeviceError, String(error));
    assert.ok(error.message.includes("tiles.json"), error.message);
    return true;
  });
  const { details } = await openEngine({ device: "webgpu", tunings: null });
  assert.equal(details.chosen, "asked for");
});
