/**
 * The machine that pickles are programs of: a stack, and a memo of what was on it. What it does are steps on plain
 * values; which opcode is which step is `pickle.ts`.
 */

import type { TorchError } from "../../util/errors.ts";
import type { PickleBytes } from "./pickle_bytes.ts";
import { type Pickled, PickledGlobal, type PickleScope } from "./pickled.ts";

/** Marks where the items of a list, tuple, dictionary or set begin. */
export const MARK = Symbol("mark");
type Slot = Pickled | typeof MARK;

/** Most values on the stack: a batch of items is of 1,000, and a dictionary's are pairs. */
const MOST_ON_STACK = 100_000;

/** A pickle that is being read. */
export class PickleMachine {
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, Pickled>();
  /** The byte of the opcode that is being done. */
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
      if (map.has(key)) throw this.malformed(`it sets '${shown(key)}' twice`);
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
    const areTexts = typeof module === "string" && typeof name === "string";
    const found = areTexts && this.scope.global(`${module}.${name}`);
    if (!found) throw this.refused(`'${shown(module)}.${shown(name)}'`);
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

/** A value for a message, whatever it is and however deep. */
function shown(value: Pickled): string {
  return typeof value === "object" ? "…" : String(value).slice(0, 100);
}
