/**
 * How long each function was on top of the stack, from a CPU profile as `deno run --cpu-prof` writes it. It
 * covers the main thread: what workers do is not in it. Not here: what is profiled.
 */

/** What is read of a profile; times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of the nodes that were found on top. */
  readonly samples: readonly number[];
  /** From the sample before, the first from the start. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** The first line is 0. */
    readonly lineNumber: number;
  };
}

/** The time of a function itself, without those that it calls; what has no frame of its own counts to its caller. */
export interface SelfTime {
  /** `(idle)` where there was nothing to do but wait. */
  readonly name: string;
  /** File and line; of a file of the project by its path there; empty for what is no JavaScript. */
  readonly place: string;
  /** Whether it is JavaScript of the project. */
  readonly isOurs: boolean;
  readonly seconds: number;
  /** Of the wall clock. */
  readonly share: number;
}

/** Every function that was found on top, the longest first. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const { nodes, samples, timeDeltas, startTime, endTime } = profile;
  const byId = new Map(nodes.map((node) => [node.id, describe(node)]));
  const found = new Map<string, { readonly node: Described; microseconds: number }>();
  let time = startTime;
  samples.forEach((id, index) => {
    time += timeDeltas[index];
    const lasted = timeDeltas[index + 1] ?? endTime - time;
    const node = byId.get(id)!;
    const key = `${node.name} ${node.place}`;
    const entry = found.get(key) ?? { node, microseconds: 0 };
    entry.microseconds += lasted;
    found.set(key, entry);
  });
  return [...found.values()].map(({ node, microseconds }) => ({
    ...node,
    seconds: microseconds / 1e6,
    share: microseconds / (endTime - startTime),
  })).sort((a, b) => b.seconds - a.seconds);
}

type Described = Pick<SelfTime, "name" | "place" | "isOurs">;

function describe({ callFrame: { functionName, url, lineNumber } }: ProfileNode): Described {
  const name = functionName || "(anonymous)";
  const isFile = url.startsWith("file://");
  const isOurs = isFile && !url.includes("/node_modules/");
  if (!isFile) return { name, place: url, isOurs };
  const path = url.replace(/^.*\/node_modules\/|^.*\/(?=(lib|scripts|tests)\/)/, "");
  return { name, place: `${path}:${lineNumber + 1}`, isOurs };
}
