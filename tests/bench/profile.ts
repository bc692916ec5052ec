/**
 * Where the time goes on a pair of a 7B model's shapes: `compress` and `evaluate` as programs of their own under
 * Deno's CPU profiler, and no JavaScript of this project among what takes long.
 */

import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { Table } from "../../lib/tables/table.ts";
import type { AdapterDescription } from "../../lib/engines/webgpu/adapter.ts";
import type { Watch } from "../../lib/util/progress.ts";
import type { Comparison } from "./comparison.ts";
import { type SelfTime, selfTimes } from "./cpu_profile.ts";
import type { BenchDevice, Measured } from "./parts.ts";
import { runProgram } from "./run_program.ts";
import { fitting, type PairOptions, withPair } from "./seven_billion/pair.ts";
import { randomTexts } from "./seven_billion/random_texts.ts";

/** Percent of the wall clock that a function of the project may have to itself. */
const MOST_PERCENT = 2;
/** Percent from which a function is listed. */
const LISTED_PERCENT = 0.5;

/** What each kind of device is given. */
const SIZES = {
  cpu: { layers: 4, rows: 512, words: 440, windows: { context: 1024, window: 512 } },
  software: { layers: 1, rows: 64, words: 16, windows: { context: 16, window: 16 } },
  hardware: { layers: 8, rows: 512, words: 440, windows: { context: 1024, window: 512 } },
};

/**
 * The longest function of the project in each program, in percent of the wall clock, and all that took long.
 *
 * @throws as {@linkcode withPair}.
 * @throws {Error} if a program fails, with what it said.
 */
export async function measureProfile(
  device: BenchDevice,
  adapter: AdapterDescription | null,
  options: PairOptions,
  watch: Watch = {},
): Promise<Measured> {
  const { layers, rows, words, windows } =
    SIZES[!adapter ? "cpu" : adapter.software ? "software" : "hardware"];
  return await withPair(
    { ...options, usual: layers, like: "llama-2-7b" },
    watch,
    async ({ folder, pair }) => {
      const text = join(folder, "text.jsonl");
      const texts = randomTexts(rows / 64);
      await Deno.writeTextFile(text, texts.map((text) => JSON.stringify({ text }) + "\n").join(""));
      const scored = join(folder, "scored.txt");
      await Deno.writeTextFile(scored, texts.join(" ").split(" ").slice(0, words).join(" "));
      const delta = join(folder, "delta.safetensors");
      const places = [`--base=${join(pair, "base")}`, `--fine=${join(pair, "fine")}`];
      const calibration = ["--method=activation-aware", `--rows=${rows}`, `--text=${text}`];
      using base = await Checkpoint.open(join(pair, "base"));
      const { context, window } = fitting(windows, base.config.maximumPositions);
      const programs: Record<string, readonly string[]> = {
        "compress, initial": ["compress", ...places, "--method=initial", `--out=${delta}`],
        "compress, activation-aware": ["compress", ...places, ...calibration, `--out=${delta}`],
        "evaluate": [
          "evaluate",
          ...places,
          `--delta=${delta}`,
          `--text=${scored}`,
          `--context=${context}`,
          `--window=${window}`,
        ],
      };
      const found: Comparison[] = [];
      const tables: Table[] = [];
      const entries = Object.entries(programs);
      for (const [done, [name, [script, ...given]]] of entries.entries()) {
        watch.onProgress?.({ done, total: entries.length, label: name });
        const times = await profiled(
          script,
          [...given, `--device=${device}`],
          folder,
          watch.signal,
        );
        found.push(longest(name, times));
        tables.push(timesTable(name, times));
      }
      return { rows: found, tables };
    },
  );
}

/** Runs a script under the profiler. */
async function profiled(
  script: string,
  given: readonly string[],
  folder: string,
  signal?: AbortSignal,
): Promise<SelfTime[]> {
  const place = await Deno.makeTempDir({ dir: folder });
  const more = ["--cpu-prof", `--cpu-prof-dir=${place}`];
  await runProgram(`scripts/${script}.ts`, given, { more, signal });
  const files = await Array.fromAsync(Deno.readDir(place), ({ name }) => join(place, name));
  const profiles = await Promise.all(files.map(async (file) => await Deno.readTextFile(file)));
  // One a thread, where workers have their own: the longest is the program's.
  const lasting = profiles.map((text) => JSON.parse(text))
    .toSorted((a, b) => (b.endTime - b.startTime) - (a.endTime - a.startTime));
  return selfTimes(lasting[0]);
}

function longest(program: string, times: readonly SelfTime[]): Comparison {
  const first = times.find(({ isOurs }) => isOurs);
  return {
    what: `${program}: longest function, ${first ? `${first.name} in ${first.place}` : "none"}`,
    unit: "% of wall clock",
    ours: first ? 100 * first.share : 0,
    peer: null,
    peerIs: "none",
    better: "lower",
    bound: MOST_PERCENT,
  };
}

function timesTable(program: string, times: readonly SelfTime[]): Table {
  return {
    title: `Where the main thread of ${program} was`,
    columns: ["Function", "Of", "s", "%", "Ours"].map((name) => ({ name })),
    rows: times.filter(({ share }) => 100 * share >= LISTED_PERCENT).map((time) => [
      time.name,
      time.place,
      Number(time.seconds.toPrecision(3)),
      Number((100 * time.share).toPrecision(3)),
      time.isOurs ? "yes" : "",
    ]),
    note: `From ${LISTED_PERCENT} % of the wall clock on; without what it calls.`,
  };
}
