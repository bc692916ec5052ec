/** The WGSL of products, as text: no device is needed, and sizes must not be in it. */

import assert from "node:assert/strict";
import { input, type Value } from "../../lib/graph/graph.ts";
import type { KernelFeatures, Storage, TileProblem } from "../../lib/engines/webgpu/kernel.ts";
import { deltaLinear } from "../../lib/engines/webgpu/fused/delta_linear.ts";
import { deltaProjections } from "../../lib/engines/webgpu/fused/delta_projections.ts";
import { signMatmulTransposed } from "../../lib/engines/webgpu/fused/sign_products.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import { type Dispatch, lower } from "../../lib/engines/webgpu/lower.ts";
import { shaderText } from "../../lib/engines/webgpu/shader.ts";
import { lintShader } from "./lint_wgsl.ts";

const features: KernelFeatures = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

/** The products of a linear layer of `2n` outputs and `4n` inputs, and of its gradients. */
function products(rows: number, n: number): Record<string, Value> {
  const [out, into] = [2 * n, 4 * n];
  const x = input("x", [rows, into]);
  const upstream = input("upstream", [rows, out]);
  const weight = input("weight", [out, into]);
  const mask = input("mask", [Math.ceil(into / 32), out], "i32");
  const layer = { x, weight, mask, scale: input("scale", []) };
  return {
    "matmul of a linear layer": matmul(x, weight, { transposeSecond: true }),
    "matmul of its input's gradient": matmul(upstream, weight),
    "matmul of its weight's gradient": matmul(upstream, x, { transposeFirst: true }),
    signMatmul: signMatmul(x, mask),
    signMatmulTransposed: signMatmulTransposed(upstream, mask, into),
    deltaProjections: deltaProjections(x, weight, 1),
    deltaLinear: deltaLinear(layer, false),
    "deltaLinear of two sums": deltaLinear(layer, true),
  };
}

/** What is dispatched for each candidate of a product, by its name. */
function candidates(output: Value, storage: Storage = "bf16"): Map<string, readonly Dispatch[]> {
  const stored = (name: string) => name === "weight" ? storage : undefined;
  const names = new Set<string>();
  const record = (_: TileProblem, all: readonly string[]) => {
    all.forEach((each) => names.add(each));
    return all[0];
  };
  lower({ output }, { features, storage: stored, tile: record });
  return new Map(
    [...names].map((name) =>
      [name, lower({ output }, { features, storage: stored, tile: () => name }).dispatches] as const
    ),
  );
}

function texts(output: Value, storage?: Storage): Map<string, string[]> {
  return new Map(
    [...candidates(output, storage)].map(([name, dispatches]) =>
      [name, dispatches.map(({ kernel }) => shaderText(kernel, features))] as const
    ),
  );
}

/** Expressions without parentheses of their own in which a shift is an operand of another: WGSL has none such. */
function chainedShifts(text: string): string[] {
  let left = text;
  const found: string[] = [];
  for (let inner = ""; inner !== left;) {
    inner = left;
    left = left.replaceAll(/\(([^()]*)\)|\[([^[\]()]*)\]/g, (_, round = "", square = "") => {
      found.push(...(round + square).split(","));
      return "_";
    });
  }
  found.push(...left.split(/[;{}]/));
  return found.filter((each) => /(?:<<|>>) .*(?:<<|>>) /.test(each));
}

const BYTES: Readonly<Record<string, number>> = { f32: 4, u32: 4, vec4f: 16 };

for (const name of Object.keys(products(1, 32))) {
  Deno.test(`WGSL of ${name} is the same for other sizes`, () => {
    const small = texts(products(72, 520)[name]);
    const large = texts(products(200, 1024)[name]);
    const shared = [...small.keys()].filter((each) => large.has(each));
    assert.ok(shared.some((each) => each.startsWith("registers")));
    assert.ok(shared.some((each) => each.startsWith("workgroup")));
    for (const each of shared) assert.deepEqual(small.get(each), large.get(each), each);
  });

  Deno.test(`no shift in ${name} is an operand of another without parentheses`, () => {
    for (const rows of [3, 20]) {
      for (const [tile, found] of texts(products(rows, 520)[name])) {
        assert.deepEqual(found.flatMap(chainedShifts), [], tile);
      }
    }
  });

  Deno.test(`no tile of ${name} has a loop in its hot loop or an open index into registers`, () => {
    let seen = 0;
    for (const size of [[3, 9], [20, 520], [200, 1024]]) {
      for (const [tile, [text]] of texts(products(size[0], size[1])[name])) {
        if (!tile.startsWith("workgroup")) continue;
        assert.ok(text.includes("fma"), tile);
        assert.deepEqual(lintShader(text), [], tile);
        seen++;
      }
    }
    assert.ok(seen >= 6);
  });

  Deno.test(`no tile of ${name} needs more than every device has`, () => {
    for (const rows of [2, 20, 50, 200, 2048]) {
      for (const [tile, dispatches] of candidates(products(rows, 2048)[name])) {
        for (const { kernel, reads, writes } of dispatches) {
          const arrays = (kernel.module ?? "").matchAll(/var<workgroup> .*array<(\w+), (\d+)>/g);
          const bytes = [...arrays].reduce(
            (sum, [, type, length]) => sum + BYTES[type] * Number(length),
            0,
          );
          assert.ok(bytes <= features.workgroupBytes, `${tile}: ${bytes} bytes`);
          assert.ok(kernel.workgroup[0] <= features.workgroupInvocations, tile);
          assert.ok(kernel.groups.every((each) => each <= 65_535), tile);
          assert.ok(reads.length + writes.length <= 8, tile);
          const largest = Math.max(...writes.map(({ shape }) => 4 * shape.reduce((a, b) => a * b)));
          assert.ok(largest <= 2 ** 27, `${tile}: ${largest} bytes of a result`);
        }
      }
    }
  });
}

Deno.test("stretches are workgroups of their own where few would be busy", () => {
  const first = (rows: number, n: number) =>
    [...candidates(products(rows, n)["matmul of a linear layer"])].find(([name]) =>
      name.startsWith("workgroup")
    )!;
  const [name, [product, sum]] = first(128, 2048);
  assert.equal(name, "workgroup 64x64x16 8x4 split");
  assert.deepEqual(product.kernel.groups, [2, 64, 8]);
  assert.equal(sum.kernel.sizes!.parts, 8);
  assert.equal(product.kernel.problem, sum.kernel.problem);
  // Many already, and nothing to split.
  assert.equal(first(2048, 2048)[0], "workgroup 64x64x16 8x4");
  assert.equal(first(128, 256)[0], "workgroup 64x64x16 8x4");
});

Deno.test("products whose sizes are rounded up to the same ones have the same candidates", () => {
  const names = (rows: number, n: number) =>
    Object.values(products(rows, n)).map((each) =>
      [...candidates(each).keys()].filter((name) => name.startsWith("workgroup"))
    );
  assert.deepEqual(names(65, 1028), names(128, 2048));
  assert.deepEqual(names(260, 260), names(512, 512));
  assert.notDeepEqual(names(64, 1028), names(65, 1028));
});

Deno.test("faults of a shader are found", () => {
  const kernel = (hot: string, more = "") => `
${more}
fn main() {
  var sums = array<f32, 4>();
  let four = vec4f();
  for (var s = 0u; s < 2u; s++) {
  for (var k = 0u; k < 8u; k += 4u) {
    block[k] = 1.0;
    workgroupBarrier();
    ${hot}
  }
  }
}`;
  assert.deepEqual(lintShader(kernel("let a = four[2] + sums[1u] + block[k];")), []);
  const faults = [
    kernel("for (var d = 0u; d < 4u; d++) { block[d] = 1.0; }"),
    kernel("while (true) { break; }"),
    kernel("loops(k);", "fn loops(n: u32) { for (var d = 0u; d < n; d++) { block[d] = 0.0; } }"),
    kernel("sums[k] = 1.0;"),
    kernel("let a = four[k % 4u];"),
    kernel("", "fn part(all: vec4f, at: u32) -> f32 { return all[at]; }"),
  ].map((text) => lintShader(text).length);
  assert.deepEqual(faults, [1, 1, 1, 1, 1, 1]);
});

const snapshots: readonly [product: string, rows: number, tile: string][] = [
  ["signMatmul", 1, "registers 1x16"],
  ["deltaLinear", 20, "workgroup 32x64x16 4x4"],
];

for (const [product, rows, tile] of snapshots) {
  Deno.test(`WGSL of ${product} by ${tile} is the one on record`, async (context) => {
    const [text] = texts(products(rows, 40)[product]).get(tile)!;
    // The depths of a block are alike.
    await context.assertSnapshot(
      text.replace(/^\{\nlet a0 = first_block\[8u[^]*?(?=workgroupBarrier)/m, "…\n"),
    );
  });
}

Deno.test("a weight in float16 is a type of its own where the device has it, unpacked elsewhere", () => {
  const product = products(50, 20)["matmul of a linear layer"];
  const dispatches = candidates(product, "f16").get("workgroup 64x64x16 8x4")!;
  const typed = shaderText(dispatches[0].kernel, { float16: true });
  assert.match(typed, /^enable f16;\n[^]*var<storage, read> second: array<vec4<f16>>;/);
  const unpacked = shaderText(dispatches[0].kernel, { float16: false });
  assert.match(unpacked, /var<storage, read> second: array<vec2u>;\n.*unpack2x16float/);
  assert.doesNotMatch(unpacked, /f16>|enable/);
});

Deno.test("rows that are no multiple of four numbers are read one by one", () => {
  const product = (inner: number) => {
    const second = input("weight", [8, inner]);
    const output = matmul(input("x", [50, inner]), second, { transposeSecond: true });
    return texts(output).get("workgroup 64x64x16 8x4")![0];
  };
  assert.match(product(36), /first_at4\(.*second_at4\(/s);
  assert.doesNotMatch(product(37), /_at4/);
});
