/** Places in a text: characters, as tokenizers count them, to bytes, as bits per byte count them. */

/**
 * For each Unicode character of a text, and for its end, the UTF-8 bytes before it. A lone surrogate
 * counts as the replacement character, three bytes, that encoding puts in its place.
 */
export function utf8Offsets(text: string): Int32Array {
  const offsets = new Int32Array(text.length + 1);
  let characters = 0;
  let bytes = 0;
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at)!;
    at += code > 0xffff ? 2 : 1;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code > 0xffff ? 4 : 3;
    offsets[++characters] = bytes;
  }
  return offsets.subarray(0, characters + 1);
}
