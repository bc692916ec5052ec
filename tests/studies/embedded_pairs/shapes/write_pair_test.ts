import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile } from "../../../../lib/checkpoint/safetensors.ts";
import type { FloatType } from "../../../../lib/checkpoint/tensor.ts";
import { TextTokenizer } from "../../../../lib/checkpoint/tokenizer.ts";
import { tensorNames, weightBytes } from "../../../../lib/checkpoint/weights.ts";
import { configurationLike } from "../../../../lib/studies/embedded_pairs/shapes/configurations.ts";
import { planShards } from "../../../../lib/studies/embedded_pairs/shapes/shard_plan.ts";
import { makePair } from "../../../../lib/studies/embedded_pairs/shapes/write_pair.ts";
import { Pair } from "../../../../lib/experiments/pair.ts";
import { ConfigError, OptionError, OutputError } from "../../../../lib/util/errors.ts";
import {
  EVERYTHING,
  filesIn,
  temporaryFolder,
  TINY_CONFIG,
} from "../../../checkpoint/tiny_checkpoint.ts";

const CONFIG = { ...TINY_CONFIG, vocabularySize: 300 };

/** Every file below a folder, by its path there. */
async function contents(folder: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of ["base", "fine"]) {
    for (const file of filesIn(join(folder, name))) {
      files[join(name, file)] = await Deno.readFile(join(folder, name, file));
    }
  }
  return files;
}

for (const dtype of ["BF16", "F16", "F32"] as const) {
  Deno.test(`a made pair of ${dtype} is opened, with a tokenizer, and compressed`, async () => {
    await using folder = await temporaryFolder();
    const made = await makePair(folder.path, CONFIG, { dtype });
    await using pair = await Pair.open(made.base, made.fine);
    assert.deepEqual(pair.base.config, CONFIG);
    for (const model of [pair.base, pair.fine]) {
      for (const name of tensorNames(CONFIG)) assert.equal(model.info(name).dtype, dtype);
      assert.equal(made.bytes, weightBytes(model));
    }
    const delta = await pair.extract();
    assert.equal(delta.layers.size, 14);
    const tokenizer = await TextTokenizer.open(made.base);
    const text = "All of it: naïve, 漢, €!";
    const ids = await tokenizer.encode(text);
    assert.ok(ids.length > 8 && ids.every((id) => id < 300));
    assert.equal(ids[0], CONFIG.bosToken);
  });
}

Deno.test("shards hold what one file holds, and the index says where", async () => {
  await using one = await temporaryFolder();
  await using many = await temporaryFolder();
  const whole = await makePair(one.path, CONFIG);
  assert.equal(whole.shards, 1);
  const made = await makePair(many.path, CONFIG, { shardBytes: 4000 });
  const names = filesIn(made.fine).filter((name) => name.endsWith(".safetensors"));
  assert.equal(names.length, made.shards);
  assert.ok(made.shards > 3);
  for (const side of ["base", "fine"] as const) {
    using a = await Checkpoint.open(whole[side]);
    using b = await Checkpoint.open(made[side]);
    for (const name of tensorNames(CONFIG)) {
      assert.deepEqual(await a.read(name), await b.read(name));
    }
  }
  for (const name of names) {
    using file = await SafetensorsFile.open(join(made.base, name));
    const sizes = [...file.tensors.values()].map(({ begin, end }) => end - begin);
    const total = sizes.reduce((sum, size) => sum + size);
    assert.ok(total <= 4000 || sizes.length === 1, `${name}: ${sizes}`);
  }
});

Deno.test("a seed determines every byte, and another seed other weights", async () => {
  await using a = await temporaryFolder();
  await using b = await temporaryFolder();
  await using c = await temporaryFolder();
  for (const [folder, seed] of [[a, 3], [b, 3], [c, 4]] as const) {
    await makePair(folder.path, CONFIG, { seed });
  }
  const first = await contents(a.path);
  assert.deepEqual(await contents(b.path), first);
  const other = await contents(c.path);
  assert.notDeepEqual(other["base/model.safetensors"], first["base/model.safetensors"]);
  assert.notDeepEqual(first["fine/model.safetensors"], first["base/model.safetensors"]);
});

Deno.test("the layers that a shorter model has are those of a longer one", async () => {
  await using one = await temporaryFolder();
  await using two = await temporaryFolder();
  const short = await makePair(one.path, { ...CONFIG, layerCount: 1 });
  const long = await makePair(two.path, CONFIG);
  using a = await Checkpoint.open(short.fine);
  using b = await Checkpoint.open(long.fine);
  for (const name of tensorNames(a.config)) {
    assert.deepEqual(await a.read(name), await b.read(name));
  }
});

Deno.test("a pair takes the place of one in more files whole", async () => {
  await using folder = await temporaryFolder();
  await using fresh = await temporaryFolder();
  await makePair(folder.path, CONFIG, { shardBytes: 4000, seed: 2 });
  await makePair(folder.path, CONFIG, { shardBytes: 30000 });
  await makePair(fresh.path, CONFIG, { shardBytes: 30000 });
  assert.deepEqual(await contents(folder.path), await contents(fresh.path));
});

Deno.test("what is stopped leaves nothing, and an earlier pair as it was", async () => {
  await using folder = await temporaryFolder();
  const stopped = (path: string) => {
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }) => {
      if (done === 8) controller.abort(new Error("enough"));
    };
    const watch = { onProgress, signal: controller.signal };
    return assert.rejects(
      makePair(path, CONFIG, { shardBytes: 4000, ...watch }),
      /^Error: enough$/,
    );
  };
  await stopped(join(folder.path, "new"));
  assert.deepEqual(filesIn(folder.path), []);
  await makePair(folder.path, CONFIG, { seed: 2 });
  const before = await contents(folder.path);
  await stopped(folder.path);
  assert.deepEqual(await contents(folder.path), before);
});

Deno.test("a place that cannot be written is named, and nothing is left at the other", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, "fine"), "a file");
  await assert.rejects(
    makePair(folder.path, CONFIG),
    (error: Error) => error instanceof OutputError && /fine.*cannot be written/.test(error.message),
  );
  assert.deepEqual(filesIn(folder.path), ["fine"]);
});

Deno.test("a disk without room is found before anything is written", async () => {
  await using folder = await temporaryFolder();
  const config = { ...CONFIG, vocabularySize: 2 ** 31 - 1, hiddenSize: 2 ** 22 };
  await assert.rejects(
    makePair(folder.path, config),
    (error: Error) =>
      error instanceof OutputError &&
      /: has too little free space: got '.* GB'; expected \d+ TB/.test(error.message),
  );
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("settings out of their range and a vocabulary without room are refused", async () => {
  const refuses = (options: object, config: object, kind: typeof OptionError, says: RegExp) =>
    assert.rejects(
      makePair("no/such/folder", { ...CONFIG, ...config }, options),
      (error: Error) => error instanceof kind && says.test(error.message),
    );
  await refuses({ seed: -1 }, {}, OptionError, /'seed': .* got -1; expected a whole number from 0/);
  await refuses({ shardBytes: 0.5 }, {}, OptionError, /'shardBytes': .* got 0\.5/);
  await refuses({}, { vocabularySize: 258 }, ConfigError, /'vocab_size': .* got 258; .* 259/);
});

const published = [
  // Parameters as their cards have them: 6.74, 13.0, 8.03, 8.03, 7.62, 8.19, 7.24 and 1.10 billion.
  ["llama-2-7b", 6_738_415_616],
  ["llama-2-13b", 13_015_864_320],
  ["llama-3-8b", 8_030_261_248],
  ["llama-3.1-8b", 8_030_261_248],
  ["qwen2.5-7b", 7_615_616_512],
  ["qwen3-8b", 8_190_735_360],
  ["mistral-7b-v0.1", 7_241_732_096],
  ["tinyllama-1.1b", 1_100_048_384],
] as const;

for (const [like, parameters] of published) {
  Deno.test(`${like} has as many parameters as were published, in files of 5 GB`, async () => {
    const bytesOf = (dtype: FloatType, config: typeof CONFIG) =>
      planShards(config, dtype, 5e9).map(({ tensors }) =>
        tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0)
      );
    const counts = bytesOf("BF16", await configurationLike(like));
    assert.equal(counts.reduce((sum, count) => sum + count), parameters);
    for (const count of counts) assert.ok(2 * count <= 5e9);
  });
}

Deno.test("a vocabulary of 128,256 has its marks where its configuration says", async () => {
  await using folder = await temporaryFolder();
  const { bosToken, eosToken, vocabularySize } = await configurationLike("llama-3-8b");
  const sizes = { hiddenSize: 4, intermediateSize: 4, headCount: 1, keyValueHeadCount: 1 };
  const config = { ...CONFIG, ...sizes, headSize: 4, bosToken, eosToken, vocabularySize };
  const { base } = await makePair(folder.path, config);
  const tokenizer = await TextTokenizer.open(base);
  assert.deepEqual([tokenizer.bosToken, tokenizer.eosToken], [128000, 128001]);
  const ids = await tokenizer.encode("a");
  assert.equal(ids[0], 128000);
});

Deno.test("a token that begins and ends texts is one of a made pair's tokenizer", async () => {
  await using folder = await temporaryFolder();
  const { base } = await makePair(folder.path, { ...CONFIG, bosToken: 299, eosToken: 299 });
  const ids = await (await TextTokenizer.open(base)).encode("a");
  assert.equal(ids[0], 299);
  assert.ok(ids.slice(1).every((id) => id < 299));
});

Deno.test("fewer or more layers keep their windows", async () => {
  await using folder = await temporaryFolder();
  const config = { ...EVERYTHING, vocabularySize: 300 };
  const { base } = await makePair(folder.path, config);
  const windows = async (layers?: number) => (await configurationLike(base, layers)).slidingLayers;
  assert.deepEqual(await windows(), [false, true]);
  assert.deepEqual(await windows(1), [false]);
  assert.deepEqual(await windows(3), [false, true, true]);
  const one = await makePair(folder.path, await configurationLike(base, 1));
  using opened = await Checkpoint.open(one.base);
  assert.equal(opened.config.slidingWindow, null);
});

Deno.test("a configuration is one of a folder, of its file, or of a known name", async () => {
  await using folder = await temporaryFolder();
  const { base } = await makePair(folder.path, CONFIG);
  assert.deepEqual(await configurationLike(base), CONFIG);
  const file = join(base, "config.json");
  assert.deepEqual(await configurationLike(file, 1), { ...CONFIG, layerCount: 1 });
  await assert.rejects(
    configurationLike("llama-9"),
    (error: Error) =>
      error instanceof OptionError &&
      /'--like': names no configuration: got 'llama-9'; expected llama-2-7b, /.test(error.message),
  );
  await Deno.writeTextFile(file, "{}");
  await assert.rejects(configurationLike(base), ConfigError);
});
