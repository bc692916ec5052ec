/**
 * The text of a shader around the body that an op wrote: bindings, accessors that hide how numbers are
 * stored, uniforms, `main`. Text only; `pipelines.ts` compiles it. float16 is unpacked by a function that
 * every device has, so that no feature is asked for.
 */

import type { Kernel, Operand, ReadOperand, Storage } from "../graph/kernel.ts";

/** A read operand with how it is read. */
export function readOperand(read: Operand | ReadOperand): ReadOperand {
  return "operand" in read ? read : { operand: read };
}

/** WGSL of a kernel. Bindings: reads, then writes, then the uniforms `sizes` and `factors`. */
export function shaderText(kernel: Kernel): string {
  const parts: string[] = [];
  let binding = 0;
  const declare = (space: string, name: string, type: string) =>
    parts.push(`@group(0) @binding(${binding++}) var<${space}> ${name}: ${type};`);
  for (const [name, read] of Object.entries(kernel.reads)) {
    const { operand: { storage }, vector } = readOperand(read);
    declare("storage, read", name, `array<${vector ? vectorType(storage) : elementType(storage)}>`);
    if (storage !== "i32") {
      parts.push(vector ? vectorAccessor(name, storage) : accessor(name, storage));
    }
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

function elementType(storage: Storage): string {
  return storage === "bf16" || storage === "f16" ? "u32" : storage;
}

function vectorType(storage: Storage): string {
  return storage === "bf16" || storage === "f16" ? "vec2u" : `vec4<${storage}>`;
}

function accessor(name: string, storage: Storage): string {
  const word = `${name}[i / 2u]`;
  const values: Partial<Record<Storage, string>> = {
    f32: `${name}[i]`,
    bf16: `bitcast<f32>((${word} >> (16u * (i % 2u))) << 16u)`,
    f16: `unpack2x16float(${word})[i % 2u]`,
  };
  return `fn ${name}_at(i: u32) -> f32 { return ${values[storage]}; }`;
}

function vectorAccessor(name: string, storage: Storage): string {
  const values: Partial<Record<Storage, string>> = {
    f32: `return ${name}[i];`,
    bf16: `let w = ${name}[i]; return bitcast<vec4f>(vec4u(w.x << 16u, w.x & 0xffff0000u, ` +
      `w.y << 16u, w.y & 0xffff0000u));`,
    f16: `let w = ${name}[i]; return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));`,
  };
  return `fn ${name}_at4(i: u32) -> vec4f { ${values[storage]} }`;
}
