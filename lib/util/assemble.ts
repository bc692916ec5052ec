/** WebAssembly that is written in this library as text: assembled where it is first used. */

import wabt from "wabt";

/**
 * The compiled module of a text in WebAssembly's own notation, SIMD included.
 *
 * @param name for the assembler's errors.
 */
export async function assemble(name: string, text: string): Promise<WebAssembly.Module> {
  const parsed = (await wabt()).parseWat(`${name}.wat`, text, { simd: true });
  try {
    return new WebAssembly.Module(new Uint8Array(parsed.toBinary({}).buffer));
  } finally {
    parsed.destroy();
  }
}
