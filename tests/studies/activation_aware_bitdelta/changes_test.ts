/** What is measured anew when something changes: all that depends on it, and nothing else. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Task } from "../../../lib/experiments/measurement.ts";
import { isCalibrated } from "../../../lib/experiments/method.ts";
import { planTasks } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import { runStudy, type StudyOptions } from "../../../lib/experiments/run.ts";
import { filesIn } from "../../checkpoint/tiny_checkpoint.ts";
import { inFolder, tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { sentences, smallStudy } from "../../experiments/small_study.ts";

/** A change to a study or to its files, and the tasks that depend on what changed. */
interface Case {
  readonly of: string;
  readonly change: (study: StudyOptions) => Promise<Partial<StudyOptions>> | Partial<StudyOptions>;
  readonly dependent: (task: Task) => boolean;
}

const isOfOther = ({ pair }: Task) => pair === "other";

/** Turns the lowest bit of the last weight. */
async function changeWeight(checkpoint: string): Promise<Record<never, never>> {
  const path = join(checkpoint, "model.safetensors");
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 2] ^= 1;
  await Deno.writeFile(path, bytes);
  return {};
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const name of filesIn(from)) await Deno.copyFile(join(from, name), join(to, name));
}

const cases: readonly Case[] = [
  { of: "nothing", change: () => ({}), dependent: () => false },
  {
    of: "one domain's text",
    change: ({ texts }) => ({
      texts: {
        ...texts,
        evaluation: (domain) =>
          domain === "code"
            ? Promise.resolve([{ name: "code 1", text: sentences(7, 4) }])
            : texts.evaluation(domain),
      },
    }),
    dependent: (task) => task.kind === "evaluation" && task.domain === "code",
  },
  {
    of: "the calibration text",
    change: ({ texts }) => ({
      texts: {
        ...texts,
        calibration: async (seed) => [...await texts.calibration(seed), "the end"],
      },
    }),
    dependent: ({ method }) => isCalibrated(method),
  },
  {
    of: "the steps of distillation",
    change: ({ protocol }) => ({
      protocol: { ...protocol, distillation: { steps: 3, batch: 1 } },
    }),
    dependent: ({ kind, method }) => kind !== "wall clock" && method.kind === "distilled",
  },
  {
    of: "the engine",
    change: ({ engine }) => ({ engine: { ...engine, name: "another engine" } }),
    dependent: () => true,
  },
  {
    of: "one byte of a fine-tune",
    change: ({ protocol }) => changeWeight(protocol.pairs[0].fine),
    dependent: isOfOther,
  },
  {
    of: "a fine-tune's tokenizer",
    async change({ protocol }) {
      const path = join(protocol.pairs[0].fine, "tokenizer.json");
      await Deno.writeTextFile(path, await Deno.readTextFile(path) + "\n");
      return {};
    },
    dependent: isOfOther,
  },
  {
    of: "one byte of the base",
    change: ({ protocol }) => changeWeight(protocol.pairs[1].base),
    dependent: () => true,
  },
];

Deno.test("a change is followed by the measurements that depend on it", async (t) => {
  await using pair = await tokenizedPair();
  const small = smallStudy(pair.folder);
  const [figures] = small.protocol.pairs;
  const other = { ...figures, name: "other", fine: inFolder(pair, "other") };
  await copyFolder(figures.fine, other.fine);
  const study: StudyOptions = {
    ...small,
    protocol: {
      ...small.protocol,
      pairs: [other, figures],
      domains: ["code", "wikitext"],
      variants: ["corrected"],
    },
  };
  let { measurements: before } = await runStudy(study);
  for (const { of, change, dependent } of cases) {
    await t.step(of, async () => {
      const changed = { ...study, ...await change(study) };
      const { measurements, made } = await runStudy(changed);
      const tasks = planTasks(changed.protocol);
      assert.equal(made, tasks.filter(dependent).length);
      for (const [index, task] of tasks.entries()) {
        if (dependent(task)) assert.notEqual(measurements[index].key, before[index].key);
        else assert.deepEqual(measurements[index], before[index]);
      }
      // Options are as they were again; changes to files stay.
      before = (await runStudy(study)).measurements;
    });
  }
});
