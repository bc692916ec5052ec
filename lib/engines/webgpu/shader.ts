/**
 * The text of a shader around the body that an op wrote: bindings, accessors that hide how numbers are
 * stored, uniforms, `main`. Text only; `pipelines.ts` compiles it.
 */

import type { Kernel, KernelFeatures, Operand, ReadOperand, Storage } from "./kernel.ts";

/** How a storage is written in WGSL: its types, one number `i`, and four neighbours from `4i` on. */
interface StorageText {
  readonly type: string;
  readonly vectorType: string;
  /** The body of the accessor of one number of the array `x`. */
  readonly one: (x: string) => string;
  /** The body of the accessor of four. */
  readonly four: (x: string) => string;
}

/** A read operand with how it is read. */
export function readOperand(read: Operand | ReadOperand): ReadOperand {
  return "operand" in read ? read : { operand: read };
}

/** WGSL of a kernel. Bindings: reads, then writes, then the uniforms `sizes` and `factors`. */
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
  for (const [name, { operand: { storage }, vector }] of operands) {
    const { type, vectorType, one, four } = storageText(storage, float16);
    declare("storage, read", name, `array<${vector ? vectorType : type}>`);
    if (storage === "i32") continue;
    parts.push(
      vector
        ? `fn ${name}_at4(i: u32) -> vec4f { ${four(name)} }`
        : `fn ${name}_at(i: u32) -> f32 { ${one(name)} }`,
    );
  }
  for (const [name, { type = "f32" }] of Object.entries(kernel.writes)) {
    declare("storage, read_write", name, `array<${type}>`);
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
function storageText(storage: Storage, float16: boolean): StorageText {
  const plain = { one: (x: string) => `return ${x}[i];`, four: (x: string) => `return ${x}[i];` };
  const word = (x: string) => `${x}[i / 2u]`;
  switch (storage) {
    case "f32":
    case "i32":
      return { type: storage, vectorType: `vec4<${storage}>`, ...plain };
    case "bf16":
      return {
        type: "u32",
        vectorType: "vec2u",
        one: (x) => `return bitcast<f32>((${word(x)} >> (16u * (i % 2u))) << 16u);`,
        four: (x) =>
          `let w = ${x}[i]; return bitcast<vec4f>(vec4u(w.x << 16u, w.x & 0xffff0000u, ` +
          `w.y << 16u, w.y & 0xffff0000u));`,
      };
    case "f16":
      return float16
        ? {
          type: "f16",
          vectorType: "vec4<f16>",
          one: (x) => `return f32(${x}[i]);`,
          four: (x) => `return vec4f(${x}[i]);`,
        }
        : {
          type: "u32",
          vectorType: "vec2u",
          one: (x) => `return unpack2x16float(${word(x)})[i % 2u];`,
          four: (x) => `let w = ${x}[i]; return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));`,
        };
  }
}
