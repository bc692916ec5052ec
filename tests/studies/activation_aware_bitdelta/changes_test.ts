/** What is measured anew when something changes: all that depends on it, and nothing else. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { planTasks, type StudyTask } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import type { EvaluationKey } from "../../../lib/experiments/measurement_schema.ts";
import type { CompressedModel } from "../../../lib/experiments/scored_model.ts";
import {
  runStudy,
  type StudyMeasurement,
  type StudyOptions,
} from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { filesIn } from "../../checkpoint/tiny_checkpoint.ts";
import { inFolder, tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { sentences, smallStudy } from "../../experiments/small_study.ts";

/**
 * A change to a study or to its files, and the tasks that depend on what changed. The scores of a compressed
 * model depend on its delta, and on that alone where a change is to what made it.
 */
interface Case {
  readonly of: string;
  readonly change: (study: StudyOptions) => Promise<Partial<StudyOptions>> | Partial<StudyOptions>;
  readonly dependent: (task: StudyTask) => boolean | "by its delta";
}

const isOfOther = ({ pair }: StudyTask) => pair === "other";

type OfCalibrated = StudyTask & { readonly model: CompressedModel };

const isCalibrated = (task: StudyTask): task is OfCalibrated =>
  typeof task.model !== "string" && task.model.seed !== null;

const byDelta = ({ kind }: StudyTask) => kind === "evaluation" ? "by its delta" : true;

/** The digest of the delta that an evaluation scores. */
const deltaOf = ({ key }: StudyMeasurement) => (key as EvaluationKey).delta;

/** Makes the last weight the next one of its kind. */
async function changeWeight(checkpoint: string): Promise<Record<never, never>> {
  const path = join(checkpoint, "model.safetensors");
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 2] += 1;
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
    dependent: (task) => isCalibrated(task) && byDelta(task),
  },
  {
    of: "the steps of distillation",
    change: ({ protocol }) => ({
      protocol: { ...protocol, distillation: { steps: 3, batch: 1 } },
    }),
    dependent: (task) =>
      task.kind !== "wall clock" && isCalibrated(task) && task.model.method === "distilled" &&
      byDelta(task),
  },
  {
    of: "the engine",
    change: ({ engine }) => ({ engine: { ...engine, identity: "another engine" } }),
    dependent: () => true,
  },
  {
    of: "how many threads there are",
    change: ({ engine }) => ({ engine: { ...engine, name: `${engine.name}, and another` } }),
    dependent: ({ kind }) => kind === "timing" || kind === "wall clock",
  },
  {
    of: "the sizes of windows",
    change: ({ protocol }) => ({
      protocol: { ...protocol, windows: { context: 8, window: 8 } },
    }),
    dependent: ({ kind }) => kind === "evaluation",
  },
  {
    of: "the names of pairs",
    change: ({ protocol }) => ({
      protocol: {
        ...protocol,
        pairs: protocol.pairs.map((pair) => ({ ...pair, name: `${pair.name} again` })),
      },
    }),
    dependent: () => false,
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
    // What sees no text makes no tokens of any.
    dependent: (task) => isOfOther(task) && (task.kind === "evaluation" || isCalibrated(task)),
  },
  {
    of: "one byte of the base",
    change: ({ protocol }) => changeWeight(protocol.pairs[1].base),
    dependent: ({ model }) => model !== "fine",
  },
];

Deno.test("a change is followed by the measurements that depend on it", async (t) => {
  await using pair = await tokenizedPair();
  const small = smallStudy(pair.folder);
  const [figures] = small.protocol.pairs;
  const other = { ...figures, name: "other", fine: inFolder(pair, "other") };
  await copyFolder(figures.fine, other.fine);
  await changeWeight(other.fine);
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
      let changes = 0;
      for (const [index, task] of tasks.entries()) {
        const [after, earlier] = [measurements[index], before[index]];
        const depends = dependent(task);
        const isOther = depends === "by its delta" ? deltaOf(after) !== deltaOf(earlier) : depends;
        if (isOther) changes++;
        if (isOther) assert.notEqual(after.id, earlier.id);
        else assert.deepEqual({ ...after, task: null }, { ...earlier, task: null });
      }
      assert.equal(made, changes);
      // Options are as they were again; changes to files stay.
      before = (await runStudy(study)).measurements;
    });
  }
});
