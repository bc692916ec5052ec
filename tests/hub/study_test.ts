/** A study of pairs and texts by name: from the Hub it measures what it measures from folders. */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { useHub } from "../../lib/checkpoint/hub/mod.ts";
import { MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import { chooseProtocol } from "../../lib/studies/activation_aware_bitdelta/profile.ts";
import { readPairsFile } from "../../lib/studies/activation_aware_bitdelta/pairs_file.ts";
import { studyProvenance } from "../../lib/studies/activation_aware_bitdelta/provenance.ts";
import { runStudy } from "../../lib/studies/activation_aware_bitdelta/run.ts";
import { chosenTexts } from "../../lib/texts/chosen_texts.ts";
import { shortTexts, tokenizedPair } from "../scripts/tokenized_pair.ts";
import { smallStudy } from "../experiments/small_study.ts";
import { LoopbackHub } from "./loopback_hub.ts";

Deno.test("a study of named pairs has the numbers of the same study from folders", async () => {
  await using files = await tokenizedPair();
  const texts = await shortTexts(files);
  await using hub = LoopbackHub.start({
    repositories: { "us/base": { files: files.base }, "us/fine": { files: files.fine } },
  });
  const cache = join(files.folder, "cache");
  using _ = useHub({ endpoint: hub.endpoint, cache, token: null, offline: null });
  const small = smallStudy(files.folder);
  const run = async (base: string, fine: string, storeName: string) => {
    const path = join(files.folder, "pairs.json");
    const named = ["code", "health", "finance", "wikitext", "calibration"].map((name) =>
      [name, join(basename(texts), `${name}.jsonl`)] as const
    );
    await Deno.writeTextFile(
      path,
      JSON.stringify({ pairs: [{ base, fine, name: "pair" }], texts: Object.fromEntries(named) }),
    );
    const { pairs, texts: choices } = await readPairsFile(path);
    const read = await chosenTexts(choices!);
    const { texts: names, textOrigins } = chooseProtocol({ profile: "real", pairs, texts: read });
    const protocol = { ...small.protocol, pairs, texts: names, textOrigins };
    const store = new MeasurementStore(join(files.folder, storeName));
    const { measurements, made } = await runStudy({ ...small, protocol, store, texts: read });
    return { measurements, made, provenance: studyProvenance(measurements, protocol) };
  };
  const local = await run("base", "fine", "local");
  const fetched = await run("hf:us/base", "hf:us/fine", "fetched");
  assert.equal(fetched.made, fetched.measurements.length);
  const scores = ({ measurements }: typeof local) =>
    measurements.flatMap(({ task, result }) => task.kind === "evaluation" ? [result] : []);
  assert.ok(scores(local).length > 4);
  assert.deepEqual(scores(fetched), scores(local));
  // What identifies a measurement is what was read, wherever it lay.
  assert.equal((await run("hf:us/base", "hf:us/fine", "local")).made, 0);
  const { textOrigins, sources } = fetched.provenance.protocol as {
    textOrigins: { code: unknown };
    sources: unknown;
  };
  assert.deepEqual(sources, { pair: { base: "hf:us/base", fine: "hf:us/fine" } });
  assert.deepEqual(textOrigins.code, {
    ...{ source: "code.jsonl", column: "text" },
    rows: { first: 0, read: 3, null: 0, blank: 0 },
  });
});
