/** A map of characters compiled as SentencePiece does, but for the size: each node has a block of its own. */

const BLOCK = 256;

interface Node {
  block: number;
  value?: number;
  readonly children: Map<number, Node>;
}

/** Base64 of the map from each string to its replacement. */
export function compiledCharsmap(replacements: Readonly<Record<string, string>>): string {
  const nodes: Node[] = [];
  const node = (): Node => {
    const made = { block: nodes.length, children: new Map<number, Node>() };
    nodes.push(made);
    return made;
  };
  const root = node();
  const encoder = new TextEncoder();
  let texts = "";
  for (const [from, to] of Object.entries(replacements)) {
    let at: Node = root;
    for (const byte of encoder.encode(from)) {
      if (!at.children.has(byte)) at.children.set(byte, node());
      at = at.children.get(byte)!;
    }
    at.value = encoder.encode(texts).length;
    texts += `${to}\0`;
  }
  const units = new Uint32Array(nodes.length * BLOCK);
  const unit = (place: number, of: Node, label: number) => {
    units[place] = (place ^ of.block * BLOCK) << 10 | (of.value === undefined ? 0 : 1 << 8) | label;
  };
  // The root's own unit lies where its children by byte zero would, and leads to block 0.
  unit(0, root, 0);
  for (const each of nodes) {
    const base = each.block * BLOCK;
    if (each.value !== undefined) units[base] = each.value | 1 << 31;
    for (const [byte, child] of each.children) unit(base ^ byte, child, byte);
  }
  const trie = new Uint8Array(units.buffer);
  const size = new Uint8Array(Uint32Array.of(trie.length).buffer);
  return new Uint8Array([...size, ...trie, ...encoder.encode(texts)]).toBase64();
}
