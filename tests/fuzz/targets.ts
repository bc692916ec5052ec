/** Every kind of file that the program reads from outside, sound and small. */

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { type RawTensor, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";
import { textFile } from "../../lib/texts/text_file.ts";
import { readNotebook, writeNotebook } from "../../lib/notebooks/notebook_file.ts";
import { canonical } from "../../lib/util/canonical.ts";
import { projectPath } from "../../lib/util/project.ts";
import {
  compressionKind,
  evaluationKind,
  timingKind,
} from "../../lib/experiments/measurement_schema.ts";
import type { Kind } from "../../lib/experiments/task.ts";
import { MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import { parsePublishedNumbers } from "../../lib/studies/activation_aware_bitdelta/published.ts";
import { restoreTrainingState, saveTrainingState } from "../../lib/training/training_state.ts";
import { TuningFile } from "../../lib/engines/webgpu/tuning_file.ts";
import { saveTiny } from "../checkpoint/tiny_checkpoint.ts";
import { notebookOf } from "../notebooks/sample_notebook.ts";
import { madeUpMeasurements } from "../studies/activation_aware_bitdelta/made_up_study.ts";
import { tinyTrainer, train } from "../training/tiny_trainer.ts";
import { deltaTargets } from "./delta_targets.ts";
import { serverTargets } from "./server_targets.ts";
import type { Target } from "./target.ts";
import { torchTargets } from "./torch_targets.ts";
import { compiledCharsmap } from "../checkpoint/compiled_charsmap.ts";
import { tokenizerFixture } from "../checkpoint/fixture_tokenizer.ts";
import { unigramDefinition } from "../checkpoint/tokenizer_definitions.ts";

const embedded = projectPath("data/checkpoints/llama-base");
const text = "The cat, they said: naïve — 漢字 \u{1f600}\n\tdef f(x): return x  # <s> </s>\r\n" +
  "a longer line of words ".repeat(40);

const checkpoint = {
  read: async (folder: string) => {
    using opened = await Checkpoint.open(folder);
    const tensors = await Promise.all(
      tensorNames(opened.config).map((name) =>
        opened.readFloat32(name).then((values) => [name, ...values])
      ),
    );
    return JSON.stringify([opened.config, tensors]);
  },
};

const tokenizer = {
  format: "json",
  sealed: false,
  read: async (folder: string) => {
    const opened = await TextTokenizer.open(folder);
    return JSON.stringify([opened.bosToken, opened.eosToken, [...await opened.encode(text)]]);
  },
} as const;

async function copyTokenizer(folder: string): Promise<void> {
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(join(embedded, name), join(folder, name));
  }
}

/** A definition in the place of the embedded tokenizer's. */
const tokenizerOf = (name: string, definition: () => Promise<unknown>) => ({
  ...tokenizer,
  name: `tokenizer.json, ${name}`,
  file: "tokenizer.json",
  make: async (folder: string) => {
    await copyTokenizer(folder);
    await Deno.writeTextFile(join(folder, "tokenizer.json"), JSON.stringify(await definition()));
  },
});

/** Cells that ran, with an output of each type. */
const notebook = notebookOf("const x = 1;\nx", ["const seed = 1;", "parameters"]);
Object.assign(notebook.cells[0], {
  execution_count: 1,
  outputs: [
    { output_type: "stream", name: "stdout", text: "a\nb\n" },
    { output_type: "display_data", data: { "text/plain": "1", "image/png": "AA==" }, metadata: {} },
    { output_type: "error", ename: "Error", evalue: "planted", traceback: ["Error: planted"] },
  ],
});

const measurementKinds: readonly Kind<unknown, unknown>[] = [
  compressionKind,
  evaluationKind,
  timingKind,
];
const measurements = measurementKinds.map((kind) => {
  const { task: _, ...measurement } = madeUpMeasurements().find((each) => each.kind === kind.name)!;
  return { kind, measurement };
});
const rows = ["one document", "another,\nof two lines", "漢字 and more"]
  .map((each) => JSON.stringify({ text: each, url: null })).join("\n");
const table = 'id,text\r\n1,one document\r\n2,"another,\n""of two lines"""\r\n3,漢字 and more\r\n';
const parquet = new Uint8Array(parquetWriteBuffer({
  columnData: [{
    name: "text",
    data: ["one document", "another", "漢字 and more"],
    type: "STRING",
  }],
  rowGroupSize: 2,
}));

function textTarget(file: string, format: Target["format"], content: string | Uint8Array): Target {
  return {
    name: file,
    file,
    format,
    sealed: false,
    make: (folder) =>
      Deno.writeFile(
        join(folder, file),
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      ),
    read: async (folder) => JSON.stringify((await textFile(join(folder, file))).documents),
  };
}

export const targets: readonly Target[] = [
  {
    ...checkpoint,
    name: "config.json",
    file: "config.json",
    format: "json",
    sealed: false,
    make: async (folder) => void await saveTiny(folder),
  },
  {
    ...checkpoint,
    name: "weights",
    file: "model.safetensors",
    format: "safetensors",
    sealed: false,
    make: async (folder) => void await saveTiny(folder, { dtype: "BF16" }),
  },
  {
    ...checkpoint,
    name: "index of shards",
    file: "model.safetensors.index.json",
    format: "json",
    sealed: false,
    make: async (folder) => {
      await saveTiny(folder);
      await splitInTwo(folder);
    },
  },
  { ...tokenizer, name: "tokenizer.json", file: "tokenizer.json", make: copyTokenizer },
  tokenizerOf("Unigram", () => Promise.resolve(unigramDefinition())),
  ...["byte-level", "metaspace", "word-level", "word-piece"].map((family) =>
    tokenizerOf(family, () => tokenizerFixture(family))
  ),
  tokenizerOf("charsmap", () =>
    Promise.resolve({
      ...unigramDefinition(),
      normalizer: {
        type: "Precompiled",
        precompiled_charsmap: compiledCharsmap({ "A": "a", "é": "e", "ﬁ": "fi" }),
      },
    })),
  {
    ...tokenizer,
    name: "tokenizer_config.json",
    file: "tokenizer_config.json",
    make: copyTokenizer,
  },
  ...deltaTargets,
  ...torchTargets,
  ...measurements.map(({ kind, measurement }): Target => ({
    name: `measurement, ${kind.name}`,
    file: `${measurement.id}.json`,
    format: "json",
    sealed: true,
    make: async (folder) => {
      const store = new MeasurementStore(folder);
      await store.put(measurement, "a sample");
      if (kind.file !== null) await Deno.writeTextFile(store.filePath(kind, measurement.id), "");
    },
    read: async (folder) =>
      // Fields in another order say the same.
      canonical(await new MeasurementStore(folder).get(kind, measurement.key)),
  })),
  {
    name: "training state",
    file: "state.safetensors",
    format: "safetensors",
    sealed: true,
    make: async (folder) => {
      await using tiny = await tinyTrainer();
      await train(tiny.trainer, 2);
      await saveTrainingState(join(folder, "state.safetensors"), tiny.trainer);
    },
    read: async (folder) => {
      const { trainer } = await sharedTrainer;
      await restoreTrainingState(join(folder, "state.safetensors"), trainer);
      const { stepCount, moments } = trainer.optimizer;
      const numbers = (all: ReadonlyMap<string, Float32Array>) =>
        [...all].map(([name, values]) => [name, ...values]);
      return JSON.stringify([
        trainer.log,
        stepCount,
        numbers(trainer.parameters),
        [...moments].map(([name, { first, second }]) => [name, ...first, ...second]),
      ]);
    },
  },
  {
    name: "notebook",
    file: "sample.ipynb",
    format: "json",
    sealed: false,
    make: (folder) => writeNotebook(join(folder, "sample.ipynb"), notebook),
    read: async (folder) => JSON.stringify(await readNotebook(join(folder, "sample.ipynb"))),
  },
  {
    name: "measured tiles",
    file: "tiles.json",
    format: "json",
    sealed: false,
    make: (folder) => new TuningFile(join(folder, "tiles.json")).add("card", "128", "64x64"),
    read: async (folder) =>
      JSON.stringify(await new TuningFile(join(folder, "tiles.json")).read("card")),
  },
  {
    name: "published numbers",
    file: "study.json",
    format: "json",
    sealed: true,
    make: (folder) => Deno.copyFile(projectPath("data/study.json"), join(folder, "study.json")),
    read: async (folder) =>
      JSON.stringify(parsePublishedNumbers(await Deno.readTextFile(join(folder, "study.json")))),
  },
  textTarget("text.txt", "bytes", text),
  textTarget("text.jsonl", "json lines", rows),
  textTarget("text.json", "json lines", rows),
  textTarget("text.jsonl.gz", "gzip", new Uint8Array(gzipSync(rows))),
  textTarget("text.csv", "bytes", table),
  textTarget("text.parquet", "bytes", parquet),
  ...serverTargets,
];

/** One for all trials: a state that is refused changes nothing in it that counts. */
const sharedTrainer = tinyTrainer();

/** The checkpoint in a folder, its tensors in turn in one of two shards. */
async function splitInTwo(folder: string): Promise<void> {
  const whole = join(folder, "model.safetensors");
  const shards: [name: string, tensors: ({ name: string } & RawTensor)[]][] = [
    ["model-00001-of-00002.safetensors", []],
    ["model-00002-of-00002.safetensors", []],
  ];
  const weightMap: Record<string, string> = {};
  let bytes = 0;
  {
    using file = await SafetensorsFile.open(whole);
    for (const [at, name] of [...file.tensors.keys()].entries()) {
      const tensor = await file.read(name);
      bytes += toFloat32(tensor).byteLength;
      shards[at % 2][1].push({ name, ...tensor });
      weightMap[name] = shards[at % 2][0];
    }
  }
  for (const [name, tensors] of shards) await writeSafetensors(join(folder, name), tensors);
  await Deno.remove(whole);
  const index = { metadata: { total_size: bytes }, weight_map: weightMap };
  await Deno.writeTextFile(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
}
