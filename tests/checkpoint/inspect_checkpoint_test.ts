/** That checkpoints are told by their headers, also those that cannot be used, and why. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { inspectCheckpoint } from "../../lib/checkpoint/inspection/inspect_checkpoint.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { useHub } from "../../lib/checkpoint/hub/mod.ts";
import { inspect } from "../../lib/delta/inspection/inspect.ts";
import { CheckpointError, HubError } from "../../lib/util/errors.ts";
import { LoopbackHub } from "../hub/loopback_hub.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

/** Puts a tensor more into the weights of a folder. */
async function add(folder: string, name: string): Promise<void> {
  const path = join(folder, "model.safetensors");
  using file = await SafetensorsFile.open(path);
  const tensors = await Promise.all([...file.tensors.keys()].map(async (tensor) => ({
    name: tensor,
    ...await file.read(tensor),
  })));
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
  await writeSafetensors(path, [...tensors, { name, dtype: "F32", shape: [2], bytes }]);
}

async function setConfig(folder: string, fields: Record<string, unknown>): Promise<void> {
  const path = join(folder, "config.json");
  const config = { ...JSON.parse(await Deno.readTextFile(path)), ...fields };
  await Deno.writeTextFile(path, JSON.stringify(config));
}

// Two layers of 12 × 12 queries and outputs, 6 × 12 keys and values, 3 × 40 × 12 in the MLP, 2 norms of 12.
const LAYERS = 2 * (2 * 144 + 2 * 72 + 3 * 480 + 2 * 12);
const PARAMETERS = LAYERS + 2 * 11 * 12 + 12;

Deno.test("a checkpoint's parameters, types and files are counted", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path, { dtype: "F16" });
  const found = await inspectCheckpoint(folder.path);
  assert.deepEqual([found.refusal, found.config, found.hash], [null, TINY_CONFIG, null]);
  assert.equal(found.parameters, PARAMETERS);
  const bytes = found.tensors.reduce((sum, each) => sum + each.bytes!, 0);
  assert.equal(bytes, 2 * PARAMETERS);
  const { size } = await Deno.stat(join(folder.path, "model.safetensors"));
  assert.deepEqual(found.files, [{ name: "model.safetensors", bytes: size, tensors: 21 }]);
  assert.deepEqual([...new Set(found.tensors.flatMap(({ dtypes }) => dtypes))], ["F16"]);
  const up = found.tensors.find(({ kind }) => kind === "mlp.up_proj")!;
  assert.deepEqual([up.tensors, up.shapes], [2, [[40, 12]]]);
});

Deno.test("every byte is read for the hash, and one that is not finite is refused then", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  using model = await Checkpoint.open(folder.path);
  const seen: number[] = [];
  const onProgress = ({ bytes }: { bytes?: { done: number } }) => seen.push(bytes!.done);
  const { hash } = await inspectCheckpoint(folder.path, { verify: true, onProgress });
  assert.equal(hash, await model.hash());
  assert.equal(seen.at(-1), 4 * PARAMETERS);
  const change = (_: string, values: Float32Array) => values[0] = NaN;
  await saveTiny(join(folder.path, "wrong"), { change });
  const wrong = join(folder.path, "wrong");
  assert.equal((await inspectCheckpoint(wrong)).refusal, null);
  await assert.rejects(inspectCheckpoint(wrong, { verify: true }), CheckpointError);
});

Deno.test("tensors that the model does not use are named and not counted", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await add(folder.path, "model.layers.0.self_attn.rotary_emb.inv_freq");
  const { extra, parameters } = await inspectCheckpoint(folder.path);
  const name = "model.layers.0.self_attn.rotary_emb.inv_freq";
  assert.deepEqual(extra, [{ name, dtype: "F32", shape: [2] }]);
  assert.equal(parameters, PARAMETERS);
});

Deno.test("one that cannot be used says why, and what it holds all the same", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await setConfig(folder.path, { architectures: ["MambaForCausalLM"], model_type: "mamba" });
  const found = await inspectCheckpoint(folder.path);
  assert.match(found.refusal!, /config\.json.*MambaForCausalLM|mamba/);
  assert.deepEqual([found.architecture, found.config], ["MambaForCausalLM", null]);
  assert.equal(found.parameters, PARAMETERS);
  await Deno.truncate(join(folder.path, "model.safetensors"), 100);
  const truncated = await inspectCheckpoint(folder.path);
  assert.deepEqual([truncated.files, truncated.parameters], [[], 0]);
  await Deno.remove(join(folder.path, "config.json"));
  assert.match((await inspectCheckpoint(folder.path)).refusal!, /config\.json/);
  await assert.rejects(inspectCheckpoint(join(folder.path, "no")), /there is no such folder/);
});

Deno.test("a model of the Hub is told by the headers of its files, which are not fetched", async () => {
  await using folder = await temporaryFolder();
  const saved = join(folder.path, "saved");
  const config = { ...TINY_CONFIG, vocabularySize: 50_000 };
  await saveTiny(saved, { config });
  await using hub = LoopbackHub.start({ repositories: { "us/tiny": { files: saved } } });
  const cache = join(folder.path, "cache");
  using _ = useHub({ endpoint: hub.endpoint, cache, token: null, offline: null });
  const found = await inspect("hf:us/tiny");
  const here = await inspectCheckpoint(saved);
  const commit = hub.repositories.get("models/us/tiny")!.commitOf("main");
  const place = { path: `hf:us/tiny@${commit}`, name: "us/tiny" };
  assert.deepEqual(found, { ...here, ...place });
  const blobs = join(cache, "models--us--tiny/blobs");
  const sizes = [...Deno.readDirSync(blobs)].map(({ name }) =>
    Deno.statSync(join(blobs, name)).size
  );
  assert.ok(Math.max(...sizes) < 10_000, `${sizes}`);
  const verified = await inspect("hf:us/tiny", { verify: true });
  using model = await Checkpoint.open(saved);
  assert.ok(verified.kind === "checkpoint");
  assert.equal(verified.hash, await model.hash());
});

Deno.test("a model of the Hub whose header is none is refused, and says so", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  const files = {
    "config.json": await Deno.readTextFile(join(folder.path, "config.json")),
    "model.safetensors": new Uint8Array(100).fill(255),
  };
  await using hub = LoopbackHub.start({ repositories: { "us/wrong": { files } } });
  const cache = join(folder.path, "cache");
  using _ = useHub({ endpoint: hub.endpoint, cache, token: null, offline: null });
  const found = await inspectCheckpoint("hf:us/wrong");
  assert.match(found.refusal!, /hf:us\/wrong@.*model\.safetensors': header is truncated/);
  await assert.rejects(inspectCheckpoint("hf:us/none"), HubError);
});
