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

import { PickleBytes } from "./pickle_bytes.ts";
import type { Pickled, PickleScope } from "./pickled.ts";
import { MARK, PickleMachine } from "./pickle_machine.ts";

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
  const machine = new PickleMachine(source, scope);
  while (true) {
    machine.at = source.position;
    const opcode = source.unsigned(1);
    if (opcode === STOP) return { value: machine.pop(), length: source.position };
    const step = STEPS.get(opcode);
    if (!step) throw machine.refused(nameOf(opcode));
    step(machine, source);
  }
}

type Step = (machine: PickleMachine, source: PickleBytes) => void;

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
