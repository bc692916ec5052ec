/** An engine that counts what is held on it. */

import type { Engine, Placed, Program } from "../../lib/graph/engine.ts";

/** How much of an engine's memory is in use. */
export interface Held {
  /** Numbers that were placed or kept, and not released. */
  placed: number;
  /** The most of them at once. */
  most: number;
  /** Programs that were compiled and not released. */
  programs: number;
  /** Placings and runs. */
  works: number;
}

/** `engine`, counted; from the work whose number is `failing`, 0 first, a placing or a run, all throw. */
export function countingEngine(engine: Engine, failing = Infinity): { engine: Engine; held: Held } {
  const held = { placed: 0, most: 0, programs: 0, works: 0 };
  const work = () => {
    if (held.works++ >= failing) throw new Error("a failing device");
  };
  const hold = (placed: Placed): Placed => {
    held.most = Math.max(held.most, ++held.placed);
    let isReleased = false;
    const release = placed.release.bind(placed);
    return Object.assign(placed, {
      release() {
        if (!isReleased) held.placed--;
        isReleased = true;
        release();
      },
    });
  };
  const counted = (program: Program): Program => ({
    run: (feeds) => program.run(feeds),
    async keep(feeds) {
      work();
      const results = await program.keep(feeds);
      return Object.fromEntries(
        Object.entries(results).map(([name, placed]) => [name, hold(placed)]),
      );
    },
    async release() {
      held.programs--;
      await program.release();
    },
  });
  const place: Engine["place"] = async (numbers, name) => {
    work();
    return hold(await engine.place(numbers, name));
  };
  const compile: Engine["compile"] = async (outputs) => {
    const program = await engine.compile(outputs);
    held.programs++;
    return counted(program);
  };
  const read: Engine["read"] = (placed) => engine.read(placed);
  return { engine: { ...engine, place, compile, read }, held };
}
