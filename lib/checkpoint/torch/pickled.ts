/** What is read from a pickle: plain values, what this library made in the place of objects, and what may be named. */

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
