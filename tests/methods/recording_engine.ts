/** An engine that remembers what its programs were fed and what they answered. */

import type { Engine, Feed } from "../../lib/graph/engine.ts";
import type { Numbers } from "../../lib/graph/graph.ts";

/** Arrays by name, copied: programs and optimisers write over theirs. */
export type Recorded = Readonly<Record<string, Numbers>>;

/** One run of a program. */
export interface RecordedRun {
  readonly feeds: Recorded;
  readonly results: Recorded;
}

/** `engine`, with a list that grows by one with every run of any program. */
export function recordingEngine(engine: Engine): { engine: Engine; runs: RecordedRun[] } {
  const runs: RecordedRun[] = [];
  return {
    runs,
    engine: {
      name: engine.name,
      identity: engine.identity,
      module: engine.module,
      details: engine.details,
      appliesCodecs: engine.appliesCodecs,
      memory: engine.memory,
      place: (numbers, purpose) => engine.place(numbers, purpose),
      reserve: (info, name) => engine.reserve(info, name),
      read: (placed) => engine.read(placed),
      async compile(outputs) {
        const program = await engine.compile(outputs);
        return {
          async run(feeds) {
            const before = copied(feeds);
            const results = await program.run(feeds);
            runs.push({ feeds: before, results: copied(results) });
            return results;
          },
          keep: (feeds) => program.keep(feeds),
          release: () => program.release(),
        };
      },
    },
  };
}

/** Weights that are placed stay as they are, and where they are. */
function copied(arrays: Readonly<Record<string, Feed>>): Recorded {
  return Object.fromEntries(
    Object.entries(arrays).flatMap(([name, each]) =>
      each instanceof Float32Array || each instanceof Int32Array ? [[name, each.slice()]] : []
    ),
  );
}
