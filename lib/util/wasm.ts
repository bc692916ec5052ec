/** WebAssembly that is written as text, assembled when it is first asked for. */

import wabt from "wabt";

/** Beyond the first version of WebAssembly, what texts may be written with. */
const FEATURES = { simd: true, threads: true, multi_memory: true, relaxed_simd: true };

/**
 * The module of a text. A compiled module can be sent to workers, which then need not assemble it.
 *
 * @param name for the messages of a text that is wrong.
 */
export async function assembleModule(name: string, text: string): Promise<WebAssembly.Module> {
  const parsed = (await wabt()).parseWat(name, text, FEATURES);
  try {
    return await WebAssembly.compile(new Uint8Array(parsed.toBinary({}).buffer));
  } finally {
    parsed.destroy();
  }
}

/** Memory of an instance, at least `bytes` long; a view of it is stale once it has grown. */
export function memoryOf(memory: WebAssembly.Memory, bytes: number): Uint8Array {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  return new Uint8Array(memory.buffer);
}
