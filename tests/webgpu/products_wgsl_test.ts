/** The WGSL of products, as text: no device is needed, and sizes must not be in it. */

import assert from "node:assert/strict";
import { input, type Value } from "../../lib/graph/graph.ts";
import type {
  Kernel,
  KernelFeatures,
  Storage,
  TileProblem,
} from "../../lib/engines/webgpu/kernel.ts";
import {
  registerDeltaLinear,
  workgroupDeltaLinear,
} from "../../lib/engines/webgpu/kernels/delta_linear.ts";
import {
  registerDeltaProjections,
  workgroupDeltaProjections,
} from "../../lib/engines/webgpu/kernels/delta_projections.ts";
import { registerMatmul, workgroupMatmul } from "../../lib/engines/webgpu/kernels/matmul.ts";
import {
  registerSignMatmul,
  workgroupSignMatmul,
} from "../../lib/engines/webgpu/kernels/sign_matmul.ts";
import {
  registerSignMatmulTransposed,
  workgroupSignMatmulTransposed,
} from "../../lib/engines/webgpu/kernels/sign_matmul_transposed.ts";
import { deltaLinear } from "../../lib/engines/webgpu/fused/delta_linear.ts";
import { deltaProjections } from "../../lib/engines/webgpu/fused/delta_projections.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import { signMatmulTransposed } from "../../lib/engines/webgpu/fused/sign_products.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { shaderText } from "../../lib/engines/webgpu/shader.ts";

const features: KernelFeatures = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

/** Kernels of both families, on operands of a size; the register tiles small, to be read. */
type Build = (size: number, storage: Storage) => { registers: Kernel; workgroup: Kernel };

const registers = { rows: 2, columns: 2 };
const workgroup = { rows: 64, columns: 64, depth: 16 };

function operands(size: number, storage: Storage) {
  return {
    x: { shape: [size, 4 * size], storage: "f32" as const },
    weight: { shape: [2 * size, 4 * size], storage },
    mask: { shape: [Math.ceil(size / 8), 2 * size], storage: "i32" as const },
    upstream: { shape: [size, 2 * size], storage: "f32" as const },
    scale: { shape: [], storage: "f32" as const },
  };
}

const products: Record<string, Build> = {
  "matmul of a linear layer": (size, storage) => {
    const { x: first, weight: second } = operands(size, storage);
    const factors = { first, second, transposeFirst: false, transposeSecond: true };
    return {
      registers: registerMatmul(factors, registers),
      workgroup: workgroupMatmul(factors, workgroup),
    };
  },
  "matmul of a weight's gradient": (size, storage) => {
    const { upstream: first, x: second } = operands(size, storage);
    const factors = { first, second, transposeFirst: true, transposeSecond: false };
    return {
      registers: registerMatmul(factors, registers),
      workgroup: workgroupMatmul(factors, workgroup),
    };
  },
  signMatmul: (size, storage) => {
    const { x: first, mask } = operands(size, storage);
    return {
      registers: registerSignMatmul({ first, mask }, registers),
      workgroup: workgroupSignMatmul({ first, mask }, { ...workgroup, depth: 32 }),
    };
  },
  signMatmulTransposed: (size, storage) => {
    const { upstream: first, mask } = operands(size, storage);
    const factors = { first, mask, columns: 4 * size };
    return {
      registers: registerSignMatmulTransposed(factors, { rows: 1, columns: 32 }),
      workgroup: workgroupSignMatmulTransposed(factors, { ...workgroup, depth: 32 }),
    };
  },
  deltaProjections: (size, storage) => {
    const { x: first, weight: second } = operands(size, storage);
    return {
      registers: registerDeltaProjections({ first, second, zero: 0 }, registers),
      workgroup: workgroupDeltaProjections({ first, second, zero: 1 }, workgroup),
    };
  },
  deltaLinear: (size, storage) => {
    const { x: first, weight: second, mask, scale } = operands(size, storage);
    const factors = { first, second, mask, scale };
    return {
      registers: registerDeltaLinear(factors, registers, true),
      workgroup: workgroupDeltaLinear(factors, workgroup, true),
    };
  },
};

for (const [name, build] of Object.entries(products)) {
  for (const family of ["registers", "workgroup"] as const) {
    const text = (size: number) => shaderText(build(size, "bf16")[family], features);

    Deno.test(`WGSL of ${name} by ${family} is the same for other sizes`, () => {
      assert.equal(text(64), text(20));
    });
  }
}

for (const [name, family] of [["signMatmul", "registers"], ["deltaLinear", "workgroup"]] as const) {
  Deno.test(`WGSL of ${name} by ${family} is the one on record`, async (context) => {
    await context.assertSnapshot(shaderText(products[name](20, "bf16")[family], features));
  });
}

Deno.test("a weight in float16 is a type of its own where the device has it, unpacked elsewhere", () => {
  const { workgroup } = products["matmul of a linear layer"](20, "f16");
  const typed = shaderText(workgroup, { float16: true });
  assert.match(typed, /^enable f16;\n[^]*var<storage, read> second: array<vec4<f16>>;/);
  const unpacked = shaderText(workgroup, { float16: false });
  assert.match(unpacked, /var<storage, read> second: array<vec2u>;\n.*unpack2x16float/);
  assert.doesNotMatch(unpacked, /f16>|enable/);
});

Deno.test("rows that are no multiple of four numbers are read one by one", () => {
  const product = (inner: number) => {
    const first = { shape: [20, inner], storage: "f32" } as const;
    const second = { shape: [8, inner], storage: "f32" } as const;
    const factors = { first, second, transposeFirst: false, transposeSecond: true };
    return shaderText(workgroupMatmul(factors, workgroup), features);
  };
  assert.match(product(36), /first_at4\(.*second_at4\(/s);
  assert.doesNotMatch(product(37), /_at4/);
});

const BYTES: Readonly<Record<string, number>> = { u32: 4, vec4f: 16 };

const [x, mask] = [input("x", [64, 256]), input("mask", [8, 128], "i32")];
const weight = input("weight", [128, 256]);

const tiled: Record<string, Value> = {
  matmul: matmul(x, weight, { transposeSecond: true }),
  signMatmul: signMatmul(x, mask),
  signMatmulTransposed: signMatmulTransposed(input("upstream", [64, 128]), mask, 256),
  deltaProjections: deltaProjections(x, weight, 1),
  deltaLinear: deltaLinear({ x, weight, mask, scale: input("scale", []) }, true),
};

for (const [name, output] of Object.entries(tiled)) {
  Deno.test(`no tile of ${name} needs more than every device has`, () => {
    const seen = new Set<string>();
    const record = (_: TileProblem, candidates: readonly string[]) => {
      candidates.forEach((each) => seen.add(each));
      return candidates[0];
    };
    lower({ output }, { features, tile: record });
    for (const tile of seen) {
      const [{ kernel }] = lower({ output }, { features, tile: () => tile }).dispatches;
      const arrays = [...(kernel.module ?? "").matchAll(/array<(\w+), (\d+)>/g)];
      const bytes = arrays.reduce((sum, [, type, length]) => sum + BYTES[type] * Number(length), 0);
      assert.ok(bytes <= features.workgroupBytes, `${tile}: ${bytes} bytes`);
      assert.ok(kernel.workgroup[0] <= features.workgroupInvocations, tile);
    }
  });
}
