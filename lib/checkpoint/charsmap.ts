/**
 * SentencePiece's compiled map of characters (`precompiled_charsmap`): whether it can be read to its
 * end, whatever the text. Its format: the trie's bytes as a little-endian 32-bit number, the trie, and
 * the replacements in UTF-8, each with a zero byte after it. Applies it to no text.
 */

/** Bytes from which characters in UTF-8 are made, but for zero, at which a search ends. */
const LARGEST_BYTE = 0xf4;

/** What is wrong with a map in base64, in a few words; `null` if nothing is. */
export function charsmapFault(base64: unknown): string | null {
  if (typeof base64 !== "string") return "is no text";
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.fromBase64(base64, { lastChunkHandling: "strict" });
  } catch {
    return "is not base64";
  }
  const { byteLength } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, byteLength);
  const trieEnd = byteLength < 4 ? Infinity : 4 + (view.getUint32(0, true) & ~3) >>> 0;
  if (trieEnd > byteLength || trieEnd === 4) return "has no whole trie";
  const replacements = bytes.subarray(trieEnd);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(replacements);
  } catch {
    return "has replacements that are not UTF-8";
  }
  const units = Uint32Array.from(
    { length: (trieEnd - 4) / 4 },
    (_, index) => view.getUint32(4 + 4 * index, true),
  );
  return trieFault(units, replacements);
}

/**
 * Follows every path of a double-array trie (Aoe 1989, as Darts-clone packs it): the unit at a node's
 * base XOR a byte is its child by that byte if it has the byte for a label, and is looked at anyway.
 */
function trieFault(units: Uint32Array, replacements: Uint8Array): string | null {
  const seen = new Uint8Array(units.length);
  const bases = [baseOf(units[0])];
  for (let base = bases.pop(); base !== undefined; base = bases.pop()) {
    for (let byte = 1; byte <= LARGEST_BYTE; byte++) {
      const child = base ^ byte;
      if (child >= units.length) return "has a trie that leads out of itself";
      const unit = units[child];
      if (seen[child] || (unit & 0x800000ff) !== byte) continue;
      seen[child] = 1;
      const next = child ^ baseOf(unit);
      const hasLeaf = (unit >>> 8 & 1) === 1;
      if (hasLeaf && next >= units.length) return "has a trie that leads out of itself";
      if (hasLeaf && !beginsCharacter(replacements, units[next] & 0x7fffffff)) {
        return "has a replacement that does not begin where a character does";
      }
      bases.push(next);
    }
  }
  return null;
}

/** A unit's offset: 21 bits, or 21 bits times 256. */
function baseOf(unit: number): number {
  return (unit >>> 10) * (unit >>> 9 & 1 ? 256 : 1);
}

function beginsCharacter(text: Uint8Array, at: number): boolean {
  return at === text.length || at < text.length && (text[at] & 0xc0) !== 0x80;
}
