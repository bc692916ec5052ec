/**
 * Pickles put together by hand, opcode by opcode, as Python's pickler writes them in each protocol: with a memo
 * entry for each text, class and container, frames from 4 on, and short opcodes where they fit.
 */

/** What can be pickled here; a tuple is `{ tuple }`, a call `{ call, given }`, a storage `{ persistent }`. */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Plain[]
  | ReadonlyMap<string, Plain>
  | { readonly tuple: readonly Plain[] }
  | { readonly global: string }
  | {
    readonly call: string;
    readonly given: readonly Plain[];
    readonly items?: ReadonlyMap<string, Plain>;
    readonly state?: Plain;
  }
  | { readonly persistent: Plain }
  | { readonly raw: readonly number[] };

/** The bytes of a pickle. */
export function plainPickle(value: Plain, protocol: number): Uint8Array {
  const out: number[] = [];
  const memo = new Map<string, number>();
  let memoized = 0;
  const put = (size: number, number: number) => {
    for (let i = 0; i < size; i++, number = Math.floor(number / 256)) out.push(number % 256);
  };
  const code = (letter: string) => out.push(letter.charCodeAt(0));
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const memoize = (key?: string) => {
    if (key !== undefined) memo.set(key, memoized);
    if (protocol >= 4) out.push(0x94);
    else if (memoized < 256) [0x71, memoized].forEach((each) => out.push(each));
    else {
      code("r");
      put(4, memoized);
    }
    memoized++;
  };
  const recalled = (key: string): boolean => {
    const index = memo.get(key);
    if (index === undefined) return false;
    if (index < 256) [0x68, index].forEach((each) => out.push(each));
    else {
      code("j");
      put(4, index);
    }
    return true;
  };
  const text = (value: string) => {
    if (recalled(`text ${value}`)) return;
    const bytes = bytesOf(value);
    if (protocol >= 4 && bytes.length < 256) [0x8c, bytes.length].forEach((each) => out.push(each));
    else {
      code("X");
      put(4, bytes.length);
    }
    out.push(...bytes);
    memoize(`text ${value}`);
  };
  const global = (name: string) => {
    if (recalled(`global ${name}`)) return;
    const dot = name.lastIndexOf(".");
    if (protocol >= 4) {
      text(name.slice(0, dot));
      text(name.slice(dot + 1));
      out.push(0x93);
    } else {
      code("c");
      out.push(...bytesOf(`${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`));
    }
    memoize(`global ${name}`);
  };
  const tuple = (items: readonly Plain[]) => {
    if (items.length === 0) return void code(")");
    if (items.length > 3) code("(");
    items.forEach(any);
    if (items.length > 3) code("t");
    else out.push(0x84 + items.length);
    memoize();
  };
  const number = (value: number | bigint) => {
    if (typeof value === "number" && !Number.isInteger(value)) {
      code("G");
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, value);
      out.push(...new Uint8Array(view.buffer));
    } else if (value >= 0 && value < 256) [0x4b, Number(value)].forEach((each) => out.push(each));
    else if (value >= 0 && value < 65536) {
      code("M");
      put(2, Number(value));
    } else if (value >= -(2 ** 31) && value < 2 ** 31) {
      code("J");
      put(4, Number(value) >>> 0);
    } else {
      [0x8a, 8].forEach((each) => out.push(each));
      out.push(...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
    }
  };
  const items = (map: ReadonlyMap<string, Plain>) => {
    if (map.size === 0) return;
    code("(");
    for (const [key, value] of map) {
      text(key);
      any(value);
    }
    code("u");
  };
  const any = (value: Plain): void => {
    if (value === null) code("N");
    else if (typeof value === "boolean") out.push(value ? 0x88 : 0x89);
    else if (typeof value === "number" || typeof value === "bigint") number(value);
    else if (typeof value === "string") text(value);
    else if (value instanceof Map) {
      code("}");
      memoize();
      items(value);
    } else if (Array.isArray(value)) {
      code("]");
      memoize();
      code("(");
      value.forEach(any);
      code("e");
    } else if ("tuple" in value) tuple(value.tuple);
    else if ("global" in value) global(value.global);
    else if ("persistent" in value) {
      any(value.persistent);
      code("Q");
    } else if ("raw" in value) out.push(...value.raw);
    else if ("call" in value) {
      global(value.call);
      tuple(value.given);
      code("R");
      memoize();
      if (value.items) items(value.items);
      if (value.state !== undefined) {
        any(value.state);
        code("b");
      }
    }
  };
  any(value);
  code(".");
  const start = [0x80, protocol];
  if (protocol < 4) return Uint8Array.from([...start, ...out]);
  const length = new Uint8Array(BigUint64Array.of(BigInt(out.length)).buffer);
  return Uint8Array.from([...start, 0x95, ...length, ...out]);
}
