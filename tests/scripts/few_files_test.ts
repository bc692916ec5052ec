/** Scripts where a process may have few files open: they do their work, or say what they lack. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { inFolder, tokenizedPair } from "./tokenized_pair.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the script of a task with 64 open files at most. */
async function withFewFiles(task: keyof typeof project.tasks, args: readonly string[]) {
  const [, ...given] = project.tasks[task].split(" ");
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 64; exec "$0" "$@"', Deno.execPath(), ...given, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, error };
}

Deno.test("compress and evaluate work with 64 open files", async () => {
  await using pair = await tokenizedPair();
  const { base, fine, rows } = pair;
  const delta = inFolder(pair, "delta.safetensors");
  const both = ["--base", base, "--fine", fine, "--device", "cpu"];
  const compressed = await withFewFiles("compress", [
    ...[...both, "--method", "activation-aware", "--text", rows, "--rows", "40"],
    ...["--out", delta],
  ]);
  assert.equal(compressed.code, 0, compressed.error);
  const evaluated = await withFewFiles("evaluate", [
    ...[...both, "--delta", delta, "--text", "finance", "--context", "64", "--window", "32"],
    ...["--limit", "2"],
  ]);
  assert.equal(evaluated.code, 0, evaluated.error);
});

Deno.test("a checkpoint of more shards than files may be open is said to be that", async () => {
  await using pair = await tokenizedPair();
  const weights = join(pair.base, "model.safetensors");
  const map: Record<string, string> = {};
  const shardOf = (index: number) => `model-${index}.safetensors`;
  {
    using file = await SafetensorsFile.open(weights);
    for (const [index, name] of [...file.tensors.keys()].entries()) {
      map[name] = shardOf(index);
      const tensor = await file.read(name);
      await writeSafetensors(join(pair.base, map[name]), [{ name, ...tensor }]);
    }
  }
  // As many again, of tensors that nothing asks for.
  for (let index = 100; index < 180; index++) {
    const tensor = {
      name: `unused.${index}`,
      dtype: "U8" as const,
      shape: [1],
      bytes: new Uint8Array(1),
    };
    map[tensor.name] = shardOf(index);
    await writeSafetensors(join(pair.base, shardOf(index)), [tensor]);
  }
  await Deno.remove(weights);
  await Deno.writeTextFile(
    join(pair.base, "model.safetensors.index.json"),
    JSON.stringify({ metadata: {}, weight_map: map }),
  );
  const { code, out, error } = await withFewFiles("evaluate", [
    "--base",
    pair.base,
    "--text",
    "code",
  ]);
  assert.deepEqual([code, out], [1, ""], error);
  assert.match(error, /^evaluate: file '.*'too many files are open'; expected .*`ulimit -n`\n$/);
});
