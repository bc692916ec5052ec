/**
 * The text of a shader around the body that an op wrote: bindings, accessors that hide how numbers are
 * stored, uniforms, `main`. Text only; `pipelines.ts` compiles it.
 */

import type { Kernel, KernelFeatures, Operand, ReadOperand, Storage } from "./kernel.ts";

/** The numbers that an accessor reads at once, and the type of what it returns. */
const ACCESSORS = { 1: ["at", "f32"], 4: ["at4", "vec4f"], 8: ["at8", "mat2x4f"] } as const;

/** How a storage is read so many numbers at a time: the type of its array, and the accessor's body. */
interface StorageText {
  readonly type: string;
  readonly body: (x: string) => string;
}

/** A read operand with how it is read. */
export function readOperand(read: Operand | ReadOperand): ReadOperand {
  return "operand" in read ? read : { operand: read };
}

/** WGSL of a kernel. Bindings: reads, changes, writes, then the uniforms `sizes` and `factors`. */
export function shaderText(kernel: Kernel, { float16 }: Pick<KernelFeatures, "float16">): string {
  const parts: string[] = [];
  let binding = 0;
  const operands = Object.entries(kernel.reads).map(([name, read]) =>
    [name, readOperand(read)] as const
  );
  if (float16 && operands.some(([, { operand }]) => operand.storage === "f16")) {
    parts.push("enable f16;");
  }
  const declare = (space: string, name: string, type: string) =>
    parts.push(`@group(0) @binding(${binding++}) var<${space}> ${name}: ${type};`);
  for (const [name, { operand: { storage }, vector = 1 }] of operands) {
    const { type, body } = storageText(storage, vector, float16);
    declare("storage, read", name, `array<${type}>`);
    if (storage === "i32") continue;
    const [accessor, result] = ACCESSORS[vector];
    parts.push(`fn ${name}_${accessor}(i: u32) -> ${result} { ${body(name)} }`);
  }
  for (const [name, { storage }] of Object.entries(kernel.changes ?? {})) {
    const type = storage === "f32" || storage === "i32" ? storage : "u32";
    declare("storage, read_write", name, `array<${type}>`);
  }
  for (const [name, { type = "f32", vector }] of Object.entries(kernel.writes)) {
    declare("storage, read_write", name, `array<${vector ? `vec4<${type}>` : type}>`);
  }
  for (const [name, type] of [["sizes", "u32"], ["factors", "f32"]] as const) {
    const fields = Object.keys(kernel[name] ?? {});
    if (fields.length === 0) continue;
    const struct = name === "sizes" ? "Sizes" : "Factors";
    parts.push(`struct ${struct} { ${fields.map((each) => `${each}: ${type}`).join(", ")} }`);
    declare("uniform", name, struct);
  }
  if (kernel.module) parts.push(kernel.module.trim());
  parts.push(
    `@compute @workgroup_size(${kernel.workgroup.join(", ")})`,
    "fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u,",
    "  @builtin(local_invocation_index) lane: u32, @builtin(num_workgroups) groups: vec3u) {",
    kernel.body.trim(),
    "}",
  );
  return parts.join("\n") + "\n";
}

/** 16-bit floats are two in a word, unless float16 is a type of its own here. */
function storageText(storage: Storage, vector: 1 | 4 | 8, float16: boolean): StorageText {
  if (storage === "f32" || storage === "i32") {
    return vector === 8
      ? {
        type: `vec4<${storage}>`,
        body: (x) => `return mat2x4f(${x}[2u * i], ${x}[2u * i + 1u]);`,
      }
      : { type: vector === 4 ? `vec4<${storage}>` : storage, body: (x) => `return ${x}[i];` };
  }
  if (storage === "f16" && float16 && vector !== 8) {
    return vector === 4
      ? { type: "vec4<f16>", body: (x) => `return vec4f(${x}[i]);` }
      : { type: "f16", body: (x) => `return f32(${x}[i]);` };
  }
  const four = storage === "bf16" ? fourOfBfloat16 : fourOfFloat16;
  switch (vector) {
    case 1:
      return {
        type: "u32",
        body: (x) =>
          storage === "bf16"
            ? `return bitcast<f32>((${x}[i / 2u] >> (16u * (i % 2u))) << 16u);`
            : `return unpack2x16float(${x}[i / 2u])[i % 2u];`,
      };
    case 4:
      return { type: "vec2u", body: (x) => `let w = ${x}[i]; return ${four("w.x", "w.y")};` };
    case 8:
      return {
        type: "vec4u",
        body: (x) =>
          `let w = ${x}[i]; return mat2x4f(${four("w.x", "w.y")}, ${four("w.z", "w.w")});`,
      };
  }
}

/** Four numbers of two words. */
function fourOfBfloat16(low: string, high: string): string {
  const words = [low, high].flatMap((word) => [`${word} << 16u`, `${word} & 0xffff0000u`]);
  return `bitcast<vec4f>(vec4u(${words.join(", ")}))`;
}

function fourOfFloat16(low: string, high: string): string {
  return `vec4f(unpack2x16float(${low}), unpack2x16float(${high}))`;
}
