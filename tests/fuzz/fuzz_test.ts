import assert from "node:assert/strict";
import { SeededRandom } from "../../lib/util/random.ts";
import { type CampaignOptions, runCampaign } from "./campaign.ts";
import { runTask } from "../scripts/run_script.ts";
import { type Format, mutated } from "./mutations.ts";

const options = {
  seed: 1,
  // A guard and no measurement: a thread that other work keeps waiting is not one that hangs.
  limit: 60_000,
  memory: 1e9,
  workers: 2,
} satisfies Partial<CampaignOptions>;

/** The program, for its memory is counted: in this process other tests run too. */
Deno.test("5,000 mutated files of all kinds are read as they were, or refused by a typed error", async () => {
  const { code, out, error } = await runTask("fuzz", ["--count", "5000", "--limit", "60"]);
  assert.equal(code, 0, out + error);
  const rows = out.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  assert.deepEqual(rows[0].slice(0, 4), ["Kind", "same", "other", "refused"]);
  assert.ok(rows.length > 10, "kinds of files");
  for (const [kind, same, other, refused] of rows.slice(2)) {
    assert.ok(Number(refused) > 0, `no mutated ${kind} was refused`);
    assert.ok(Number(same) + Number(other) > 0, `no mutated ${kind} was read`);
  }
});

Deno.test("a campaign finds readers that hang, throw what they like, or are deceived", async () => {
  const targets = new URL("planted_targets.ts", import.meta.url);
  const { counts, faults } = await runCampaign({ ...options, targets, count: 24, limit: 300 });
  const outcomes = Object.fromEntries(
    [...counts].map(([name, each]) => [name, Object.keys(each).filter((key) => key !== "same")]),
  );
  assert.deepEqual(outcomes, {
    careful: ["refused"],
    careless: ["other"],
    deceived: ["accepted"],
    throwing: ["untyped"],
    wordy: ["untyped"],
    endless: ["hung"],
  });
  assert.ok(faults.every(({ target }) => target !== "careful" && target !== "careless"));
});

Deno.test("memory beyond what is given is a fault", async () => {
  const targets = new URL("planted_targets.ts", import.meta.url);
  const { counts } = await runCampaign({ ...options, targets, count: 1, memory: -1e12 });
  assert.deepEqual([...counts.values()], [{ memory: 1 }]);
});

const encoder = new TextEncoder();
const samples: [Format, Uint8Array][] = [
  ["json", encoder.encode('{"a": [1, {"b": "c"}], "d": null}')],
  ["json lines", encoder.encode('{"a": 1}\n{"a": 2}')],
  ["bytes", encoder.encode("some text")],
];
for (const [format, bytes] of samples) {
  Deno.test(`mutations of ${format} follow from their seed and leave the sound file alone`, () => {
    const before = bytes.slice();
    const of = (seed: number) => mutated(bytes, format, new SeededRandom(seed));
    for (let seed = 0; seed < 50; seed++) assert.deepEqual(of(seed), of(seed));
    assert.deepEqual(bytes, before);
    const different = new Set(Array.from({ length: 50 }, (_, seed) => String(of(seed))));
    assert.ok(different.size > 40, `${different.size} different files of 50`);
  });
}
