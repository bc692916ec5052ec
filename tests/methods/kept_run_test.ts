/**
 * Closed forms that are stopped at any moment and go on: the same bytes, and no layer twice. A process that is killed
 * leaves what its files hold at that moment: each moment's files are copied while a run goes on, half of each write
 * done, and a run goes on from each copy.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { linearLayerNames } from "../../lib/checkpoint/weights.ts";
import { compressToFile, type CompressToFileOptions } from "../../lib/methods/compress.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import type { LayerInput, Sees } from "../../lib/methods/method.ts";
import { sha256 } from "../../lib/util/canonical.ts";
import { DeltaError, OutputError } from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { filesIn, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { randomSequences } from "../texts/random_sequences.ts";
import { killedEverywhere } from "../util/killed_everywhere.ts";
import { countingEngine } from "./counting_engine.ts";
import { crude, withMethod } from "./crude.ts";
import { engine } from "./oracle_pair.ts";
import { type TinyPair, tinyPair } from "./tiny_pair.ts";

// Rows of two batches, the second of which is not full.
const sequences = randomSequences([6, 6, 3, 6, 6], 6, TINY_CONFIG.vocabularySize, 3);
const config = { ...TINY_CONFIG, layerCount: 3 };
const layerCount = linearLayerNames(config).length;

interface Ran {
  /** Layers that were compressed, in their order. */
  readonly made: readonly string[];
  readonly resumed: number;
  readonly anew: string | null | undefined;
  readonly reports: readonly Progress[];
}

/** Compresses into `<folder>/delta`, with checkpoints that know no digests. */
async function run(
  folder: string,
  pair: TinyPair,
  sees: Sees,
  options: CompressToFileOptions = {},
  changes: Partial<typeof crude> = {},
  by: Engine = engine,
): Promise<Ran> {
  using base = await Checkpoint.open(pair.base.directory);
  using fine = await Checkpoint.open(pair.fine.directory);
  const made: string[] = [];
  const reports: Progress[] = [];
  const method = {
    ...crude,
    sees: () => sees,
    rows: () => sees === "extracted signs" ? null : { rows: 26, padding: "left out" } as const,
    ...changes,
    compress(...given: Parameters<typeof crude.compress>) {
      made.push(given[0].name);
      return (changes.compress ?? crude.compress)(...given);
    },
  };
  const path = join(folder, "delta");
  const { delta, resumption } = await withMethod(
    method,
    () =>
      compressToFile(path, by, base, fine, { method: "crude" }, sequences, {
        state: `${path}.journal`,
        ...options,
        onProgress(report) {
          reports.push(report);
          options.onProgress?.(report);
        },
      }),
  );
  delta[Symbol.dispose]();
  return { made, reports, resumed: resumption!.layers, anew: resumption!.anew };
}

/** Layers that a journal says to be done, in whole lines. */
function journaled(folder: string): number {
  const name = filesIn(folder).find((each) => each === "delta.journal");
  const lines = name ? Deno.readTextFileSync(join(folder, name)).split("\n").slice(0, -1) : [];
  return lines.filter((line) => /"done":"model\.layers\.\d+\.\w+\.\w+_proj"/.test(line)).length;
}

/** Every so many moments are tried: the slow ones less often. */
const tried = { "extracted signs": 2, "weights": 5, "fine inputs": 3, "both inputs": 7 } as const;
for (const sees of Object.keys(tried) as Sees[]) {
  Deno.test(`killed at any moment, ${sees} seen: the same bytes, and no layer is done twice`, async () => {
    await using pair = await tinyPair({}, config);
    await using folder = await temporaryFolder();
    const copies = await killedEverywhere(folder.path, () => run(folder.path, pair, sees));
    assert.deepEqual(filesIn(folder.path), ["delta"]);
    const expected = await Deno.readFile(join(folder.path, "delta"));
    const counts = new Set<number>();
    for (const [index, copy] of copies.entries()) {
      // Where the file is in its place, a run begins anew.
      const before = filesIn(copy).includes("delta") ? 0 : journaled(copy);
      if (index % tried[sees] === 0) {
        const { made, resumed, reports } = await run(copy, pair, sees);
        assert.equal(resumed, before);
        assert.equal(made.length, layerCount - before);
        assert.ok(reports.every((report) => report.resumed === before));
        assert.deepEqual(filesIn(copy), ["delta"]);
        assert.deepEqual(await Deno.readFile(join(copy, "delta")), expected);
        counts.add(before);
      }
      await Deno.remove(copy, { recursive: true });
    }
    assert.ok(counts.size > 8, `${counts.size} different moments`);
  });
}

/** Runs until so many layers are done, and stops there as Ctrl-C does. */
async function stopped(folder: string, pair: TinyPair, sees: Sees, layers: number): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ done }: Progress) => done === layers && controller.abort(reason);
  await assert.rejects(
    run(folder, pair, sees, { signal: controller.signal, onProgress }),
    reason,
  );
}

const KEPT = ["delta.journal", "delta.journal.data", "delta.unfinished"];

Deno.test("a run goes on from the decoder layer that it was stopped in: those before are not run again", async () => {
  await using pair = await tinyPair({}, { ...TINY_CONFIG, layerCount: 6 });
  await using folder = await temporaryFolder();
  const { engine: whole, held: all } = countingEngine(engine);
  const { engine: rest, held: some } = countingEngine(engine);
  await stopped(folder.path, pair, "fine inputs", 36);
  assert.deepEqual(filesIn(folder.path), KEPT);
  await run(folder.path, pair, "fine inputs", {}, {}, rest);
  await Deno.remove(join(folder.path, "delta"));
  await run(folder.path, pair, "fine inputs", {}, {}, whole);
  // One of six layers, and what is done once.
  assert.ok(some.works < all.works / 4, `${some.works} of ${all.works} works`);
});

Deno.test("what failed for want of a disk goes on; what is wrong with the input leaves nothing", async () => {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  const { write } = Deno.FsFile.prototype;
  let writes = 0;
  Deno.FsFile.prototype.write = async function (bytes) {
    if (++writes < 50) return await write.call(this, bytes);
    await write.call(this, bytes.subarray(0, bytes.length >> 1));
    throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  try {
    await assert.rejects(run(folder.path, pair, "fine inputs"), OutputError);
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  const before = journaled(folder.path);
  assert.ok(before > 5);
  const { made } = await run(folder.path, pair, "fine inputs");
  assert.equal(made.length, layerCount - before);
  await Deno.remove(join(folder.path, "delta"));

  const compress = (layer: LayerInput) =>
    layer.name.endsWith("2.mlp.up_proj")
      ? Promise.reject(new DeltaError({ problem: "is undefined", expected: "a number" }))
      : crude.compress(layer, {}, engine, undefined!, {});
  await assert.rejects(run(folder.path, pair, "weights", {}, { compress }), DeltaError);
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("a process that is killed holds its files no longer, and the same call goes on", async () => {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  const out = join(folder.path, "delta");
  const folders = [pair.base.directory, pair.fine.directory];
  const script = fileURLToPath(new URL("killed_compression.ts", import.meta.url));
  const { signal } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--cached-only", script, ...folders, out, "12"],
    stdout: "null",
    stderr: "null",
  }).output();
  assert.equal(signal, "SIGKILL");
  assert.deepEqual(filesIn(folder.path), KEPT);
  await using again = await Pair.open(folders[0], folders[1]);
  const labels: string[] = [];
  const options = {
    state: `${out}.journal`,
    onProgress: ({ label }: Progress) => void labels.push(label),
  };
  const made = await again.compressToFile(out, { method: "initial" }, null, options);
  made.delta[Symbol.dispose]();
  // The layer that was reported last was in the journal by then.
  assert.deepEqual(labels, linearLayerNames(config).slice(12));
  const { layers, anew, seconds } = made.resumption!;
  assert.deepEqual([layers, anew, filesIn(folder.path)], [12, null, ["delta"]]);
  assert.ok(seconds > 0);
  await writeDelta(`${out} at once`, await again.extract());
  assert.deepEqual(await Deno.readFile(out), await Deno.readFile(`${out} at once`));
});

Deno.test("another run's journal is begun anew, and it is said why", async () => {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  const again: Record<string, () => Promise<Ran>> = {
    "another settings": () => run(folder.path, pair, "weights", { notes: { seed: 2 } }),
    "another code": () =>
      run(folder.path, pair, "weights", { code: () => Promise.resolve("mended") }),
    "another calibration text": () => run(folder.path, pair, "fine inputs"),
    "another fine-tune": async () => {
      await Deno.utime(join(pair.fine.directory, "model.safetensors"), 1, 1);
      return await run(folder.path, pair, "weights");
    },
  };
  for (const [why, goOn] of Object.entries(again)) {
    await stopped(folder.path, pair, "weights", 9);
    const { anew, made, resumed } = await goOn();
    assert.ok(anew?.endsWith(why), `${anew}`);
    assert.deepEqual([made.length, resumed], [layerCount, 0]);
    assert.deepEqual(filesIn(folder.path), ["delta"]);
  }
});

Deno.test("of a longer file that another run left nothing stays behind the delta", async () => {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  await run(folder.path, pair, "weights");
  const expected = await Deno.readFile(path);
  await Deno.remove(path);
  await Deno.writeFile(`${path}.unfinished`, new Uint8Array(2 * expected.length).fill(1));
  await run(folder.path, pair, "weights");
  assert.deepEqual(await Deno.readFile(path), expected);
});

Deno.test("two runs to one file: the second is refused, and the first is not disturbed", async () => {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  let second: Promise<unknown> | undefined;
  const state = join(folder.path, "elsewhere");
  const onProgress = () => {
    second ??= assert.rejects(run(folder.path, pair, "weights", { state }), (error) => {
      return error instanceof OutputError &&
        /unfinished': is in use by another run/.test(error.message);
    });
  };
  const { made } = await run(folder.path, pair, "weights", { onProgress });
  await second;
  assert.equal(made.length, layerCount);
});

Deno.test("a file that is no journal is not written over", async () => {
  await using pair = await tinyPair({}, config);
  for (const name of ["delta.journal", "delta.journal.data"]) {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(join(folder.path, name), "my notes\n");
    await assert.rejects(run(folder.path, pair, "weights"), (error) => {
      return error instanceof OutputError && /is no journal of a run/.test(error.message);
    });
    assert.equal(await Deno.readTextFile(join(folder.path, name)), "my notes\n");
  }
});

Deno.test("torn, changed and hostile files never give another delta", async () => {
  await using pair = await tinyPair({}, config);
  await using folder = await temporaryFolder();
  await run(folder.path, pair, "both inputs");
  const expected = await Deno.readFile(join(folder.path, "delta"));
  await Deno.remove(join(folder.path, "delta"));
  await stopped(folder.path, pair, "both inputs", 17);
  const kept = new Map(KEPT.map((name) => [name, Deno.readFileSync(join(folder.path, name))]));
  const random = new SeededRandom(5);
  const below = (bound: number) => random.integer(bound);
  const lines = new TextDecoder().decode(kept.get("delta.journal")).split("\n").slice(0, -1);
  const journal = (records: readonly string[]) => {
    let digest = "";
    return records.map((json) => `${digest = sha256(`${digest} ${json}`).slice(0, 32)} ${json}\n`)
      .join("");
  };
  const records = lines.map((line) => line.slice(33));
  const hostile: string[][] = [
    ["[]"],
    [records[0], "null", '"a"', "[1]", "{", ...records.slice(1)],
    [records[0], '{"done":"model.layers.9.mlp.up_proj","digests":{},"base":null,"fine":""}'],
    [records[0], '{"done":"__proto__","digests":{"__proto__":"1"},"base":null,"fine":"x"}'],
    [...records, '{"border":1e9,"lengths":[1e15],"kept":{"at":0,"byteLength":4e15,"digest":""}}'],
    // A state of layers that are not done.
    records.filter((record) => !record.includes("layers.0.mlp.up_proj")),
    // The same in another order, and twice.
    [records[0], ...records.slice(1).toReversed(), ...records.slice(1)],
  ];
  const changes: (() => void)[] = hostile.map((each) => () =>
    Deno.writeTextFileSync(join(folder.path, KEPT[0]), journal(each))
  );
  for (const [name, bytes] of kept) {
    const put = (changed: Uint8Array) => Deno.writeFileSync(join(folder.path, name), changed);
    for (let times = 0; times < 3; times++) {
      // Its first line says what it is.
      const from = name === KEPT[0] ? lines[0].length + 1 : 0;
      changes.push(() => put(bytes.subarray(0, from + below(bytes.length - from))));
      changes.push(() => put(bytes.with(from + below(bytes.length - from), below(256))));
    }
    changes.push(() => Deno.removeSync(join(folder.path, name)));
  }
  for (const change of changes) {
    for (const [name, bytes] of kept) Deno.writeFileSync(join(folder.path, name), bytes);
    change();
    await run(folder.path, pair, "both inputs").catch((error) => {
      assert.ok(error instanceof OutputError && /is no journal/.test(error.message), error.stack);
      for (const name of filesIn(folder.path)) Deno.removeSync(join(folder.path, name));
    });
    const { made } = filesIn(folder.path).length === 0
      ? await run(folder.path, pair, "both inputs")
      : { made: [] };
    assert.deepEqual(filesIn(folder.path), ["delta"], String(made));
    assert.deepEqual(await Deno.readFile(join(folder.path, "delta")), expected);
    await Deno.remove(join(folder.path, "delta"));
  }
});
