/**
 * Pickles read safely: plain data, and of classes and functions those of a fixed list alone, which are this
 * library's own. Nothing else is named, found, built or called, whatever the pickle says.
 *
 * Protocols 2 to 5, as Python writes them: each opcode pushes to a stack, or makes of its top something else.
 * What makes objects of classes (`NEWOBJ`, `INST`, `OBJ`, `EXT1` …) is refused, and so are the texts of protocols
 * 0 and 1. Not here: which classes there are (`torch_globals.ts`).
 *
 * The opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */

import type { TorchError } from "../../util/errors.ts";
import { PickleBytes } from "./pickle_bytes.ts";

/** What a pickle holds: tuples and lists are arrays, and objects what their classes made of them. */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | Set<Pickled>
  | PickledObject
  | PickledGlobal;

/** What this library made in the place of an object. */
export abstract class PickledObject {}

/** A class or function of the list. */
export class PickledGlobal {
  /**
   * @param name as the pickle has it: `module.name`.
   * @param call what it gives for arguments; `null` where they are not what it takes, or it takes none.
   */
  constructor(readonly name: string, readonly call: (given: Pickled[]) => Pickled) {}
}

/** What a pickle may name. */
export interface PickleScope {
  /** A class or function; `undefined`: it is not on the list. */
  global(name: string): PickledGlobal | undefined;
  /** What stands elsewhere in the file, by what it is known by; `undefined`: it is of no known kind. */
  persistent(id: Pickled): PickledObject | undefined;
}

/** Marks where the items of a list, tuple, dictionary or set begin. */
const MARK = Symbol("mark");
type Slot = Pickled | typeof MARK;

/** Most values on the stack: a batch of items is of 1,000, and a dictionary's are pairs. */
const MOST_ON_STACK = 100_000;

/**
 * The value of a pickle.
 *
 * @param file that it comes from, for errors.
 * @returns it, and how many bytes it took: more may follow.
 * @throws {TorchError} if it is not one, is cut short, or does anything but said above; names the opcode, class or
 * function, and its place.
 */
export function readPickle(
  bytes: Uint8Array,
  scope: PickleScope,
  file: string,
): { value: Pickled; length: number } {
  const source = new PickleBytes(bytes, file);
  const machine = new Machine(source, scope);
  while (true) {
    const at = source.position;
    const opcode = source.unsigned(1);
    if (opcode === STOP) return { value: machine.pop(), length: source.position };
    machine.at = at;
    const step = STEPS.get(opcode);
    if (!step) throw machine.refused(nameOf(opcode));
    step(machine, source);
  }
}

class Machine {
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, Pickled>();
  /** Of the opcode. */
  at = 0;

  constructor(readonly source: PickleBytes, readonly scope: PickleScope) {}

  push(value: Slot): void {
    if (this.#stack.length >= MOST_ON_STACK) throw this.malformed("its stack grows too high");
    this.#stack.push(value);
  }

  pop(): Pickled {
    const value = this.#stack.pop();
    if (value !== undefined && value !== MARK) return value;
    throw this.malformed("it takes what is not there");
  }

  /** The values since the last mark, without it. */
  items(): Pickled[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.malformed("it takes items that begin nowhere");
    const items = this.#stack.splice(mark).slice(1);
    return items as Pickled[];
  }

  /** The values on top, the last on top. */
  several(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  /** The top, which stays. */
  top(): Pickled {
    const value = this.pop();
    this.push(value);
    return value;
  }

  list(): Pickled[] {
    const list = this.top();
    if (Array.isArray(list)) return list;
    throw this.malformed("it adds items to what is no list");
  }

  /** Sets items of the dictionary on top, each key once. */
  set(items: readonly Pickled[]): void {
    const map = this.top();
    if (!(map instanceof Map) || items.length % 2 !== 0) {
      throw this.malformed("it sets items of what is no dictionary");
    }
    for (let at = 0; at < items.length; at += 2) {
      const [key, value] = items.slice(at, at + 2);
      if (map.has(key)) throw this.malformed(`it sets '${String(key).slice(0, 100)}' twice`);
      map.set(key, value);
    }
  }

  add(items: readonly Pickled[]): void {
    const set = this.top();
    if (!(set instanceof Set)) throw this.malformed("it adds items to what is no set");
    for (const item of items) set.add(item);
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) {
      throw this.malformed(`it takes ${index} from its memo, which has none`);
    }
    this.push(value);
  }

  global(module: Pickled, name: Pickled): void {
    const full = `${module}.${name}`;
    const found = typeof module === "string" && typeof name === "string" && this.scope.global(full);
    if (!found) throw this.refused(`'${full.slice(0, 200)}'`);
    this.push(found);
  }

  reduce(): void {
    const [callee, given] = this.several(2);
    if (!(callee instanceof PickledGlobal) || !Array.isArray(given)) {
      throw this.refused("a call of what is no function");
    }
    const result = callee.call(given);
    if (result === null) throw this.refused(`a call of '${callee.name}' that torch does not write`);
    this.push(result);
  }

  /** Attributes of a dictionary, as the `_metadata` of a state dict; nothing here needs them. */
  build(): void {
    const [object, state] = this.several(2);
    if (!(object instanceof Map && state instanceof Map)) {
      throw this.refused("a state for what is no dictionary");
    }
    this.push(object);
  }

  persistent(): void {
    const found = this.scope.persistent(this.pop());
    if (!found) throw this.refused("a persistent id that is no storage");
    this.push(found);
  }

  refused(what: string): TorchError {
    return this.source.fault(
      `${what} at byte ${this.at}`,
      "tensors in plain data: of classes and functions torch's own for tensors alone, which nothing is " +
        "executed for",
    );
  }

  malformed(what: string): TorchError {
    return this.source.fault(`at byte ${this.at} ${what}`, "a whole pickle");
  }
}

type Step = (machine: Machine, source: PickleBytes) => void;

const STOP = 0x2e;

const STEPS: ReadonlyMap<number, Step> = new Map<number, Step>([
  [0x80, (machine, source) => {
    const protocol = source.unsigned(1);
    if (protocol < 2 || protocol > 5) throw machine.refused(`protocol ${protocol}`);
  }],
  // A frame says how much may be read at once.
  [0x95, (_machine, source) => void source.unsigned(8)],
  [code("("), (machine) => machine.push(MARK)],
  [code("0"), (machine) => void machine.pop()],
  [code("1"), (machine) => void machine.items()],
  [code("2"), (machine) => machine.push(machine.top())],
  [code("N"), (machine) => machine.push(null)],
  [0x88, (machine) => machine.push(true)],
  [0x89, (machine) => machine.push(false)],
  [code("K"), (machine, source) => machine.push(source.unsigned(1))],
  [code("M"), (machine, source) => machine.push(source.unsigned(2))],
  [code("J"), (machine, source) => machine.push(source.signed())],
  [0x8a, (machine, source) => machine.push(source.long(source.unsigned(1)))],
  [code("G"), (machine, source) => machine.push(source.float())],
  [0x8c, (machine, source) => machine.push(source.text(source.unsigned(1)))],
  [code("X"), (machine, source) => machine.push(source.text(source.unsigned(4)))],
  [0x8d, (machine, source) => machine.push(source.text(source.unsigned(8)))],
  [code("C"), (machine, source) => machine.push(source.take(source.unsigned(1)))],
  [code("B"), (machine, source) => machine.push(source.take(source.unsigned(4)))],
  [0x8e, (machine, source) => machine.push(source.take(source.unsigned(8)))],
  [0x96, (machine, source) => machine.push(source.take(source.unsigned(8)))],
  [code(")"), (machine) => machine.push([])],
  [0x85, (machine) => machine.push(machine.several(1))],
  [0x86, (machine) => machine.push(machine.several(2))],
  [0x87, (machine) => machine.push(machine.several(3))],
  [code("t"), (machine) => machine.push(machine.items())],
  [code("]"), (machine) => machine.push([])],
  [code("l"), (machine) => machine.push(machine.items())],
  [code("a"), (machine) => {
    const item = machine.pop();
    machine.list().push(item);
  }],
  [code("e"), (machine) => {
    const items = machine.items();
    const list = machine.list();
    for (const item of items) list.push(item);
  }],
  [code("}"), (machine) => machine.push(new Map())],
  [code("d"), (machine) => {
    const items = machine.items();
    machine.push(new Map());
    machine.set(items);
  }],
  [code("s"), (machine) => machine.set(machine.several(2))],
  [code("u"), (machine) => machine.set(machine.items())],
  [0x8f, (machine) => machine.push(new Set())],
  [0x90, (machine) => machine.add(machine.items())],
  [0x91, (machine) => machine.push(new Set(machine.items()))],
  [code("q"), (machine, source) => machine.put(source.unsigned(1))],
  [code("r"), (machine, source) => machine.put(source.unsigned(4))],
  [0x94, (machine) => machine.memoize()],
  [code("h"), (machine, source) => machine.get(source.unsigned(1))],
  [code("j"), (machine, source) => machine.get(source.unsigned(4))],
  [code("c"), (machine, source) => machine.global(source.line(), source.line())],
  [0x93, (machine) => machine.global(...machine.several(2) as [Pickled, Pickled])],
  [code("R"), (machine) => machine.reduce()],
  [code("b"), (machine) => machine.build()],
  [code("Q"), (machine) => machine.persistent()],
]);

/** Opcodes that people know by name. */
const KNOWN: Readonly<Record<number, string>> = {
  0x69: "INST",
  0x6f: "OBJ",
  0x50: "PERSID",
  0x81: "NEWOBJ",
  0x92: "NEWOBJ_EX",
  0x82: "EXT1",
  0x83: "EXT2",
  0x84: "EXT4",
  0x97: "NEXT_BUFFER",
  0x98: "READONLY_BUFFER",
};

function nameOf(opcode: number): string {
  const name = KNOWN[opcode] ?? `0x${opcode.toString(16).padStart(2, "0")}`;
  return `the opcode ${name}`;
}

function code(character: string): number {
  return character.charCodeAt(0);
}
