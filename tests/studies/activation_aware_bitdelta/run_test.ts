import assert from "node:assert/strict";
import { join } from "node:path";
import { CheckpointError, DeltaError, TextError } from "../../../lib/util/errors.ts";
import type { Engine } from "../../../lib/graph/engine.ts";
import type { Progress } from "../../../lib/util/progress.ts";
import {
  MeasurementError,
  type MeasurementStore,
} from "../../../lib/experiments/measurement_store.ts";
import { planTasks } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import { runStudy } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { studyProvenance } from "../../../lib/studies/activation_aware_bitdelta/provenance.ts";
import { machineClass } from "../../../lib/experiments/machine.ts";
import {
  compressionKind,
  type TimingKey,
  timingKind,
} from "../../../lib/experiments/measurement_schema.ts";
import { type Measurement, measurementId } from "../../../lib/experiments/task.ts";
import { filesIn } from "../../checkpoint/tiny_checkpoint.ts";
import { tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { engine, smallStudy } from "../../experiments/small_study.ts";

/** What identifies the measurements in a folder. */
function storedIds(store: MeasurementStore): string[] {
  return filesIn(store.directory).filter((name) => name.endsWith(".json"))
    .map((name) => name.replace(".json", ""));
}

/** An engine that calls `act` before the run of a program that is the `count`th of all. */
function acting(count: number, act: () => void): Engine {
  let runs = 0;
  return {
    ...engine,
    async compile(outputs) {
      const program = await engine.compile(outputs);
      const counted = () => {
        if (++runs === count) act();
      };
      return {
        run(feeds) {
          counted();
          return program.run(feeds);
        },
        keep(feeds) {
          counted();
          return program.keep(feeds);
        },
        release: () => program.release(),
      };
    },
  };
}

Deno.test("a study measures each task in turn, and nothing twice", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const tasks = planTasks(study.protocol);
  const reports: Progress[] = [];
  const first = await runStudy({
    ...study,
    onProgress: (report) => reports.push(report),
  });
  assert.deepEqual(first.measurements.map(({ task }) => task), tasks);
  assert.equal(first.made, tasks.length);
  const isWithin = ({ label }: Progress) => /: \d+ of \d+, /.test(label);
  const finished = reports.filter((report) => !isWithin(report));
  assert.deepEqual(
    finished.map(({ done, total }) => [done, total]),
    tasks.map((_, index) => [index + 1, tasks.length]),
  );
  // Each task tells its own steps, up to the last, and counts as finished after them.
  for (const [index, task] of tasks.entries()) {
    const within = reports.filter((report) => isWithin(report) && report.done === index);
    const steps = within.map(({ label }) => /^(.*): (\d+) of (\d+), /.exec(label)!);
    const { label } = finished[index];
    // The first time of a compression is that of the compression itself, which has told its steps.
    const isKnown = task.kind === "timing" && task.repeat === 0;
    assert.equal(steps.some(([, , done, total]) => done === total), !isKnown, label);
    for (const [, name] of steps) assert.equal(name, label);
  }
  const files = filesIn(study.store.directory);
  // As of a process that was killed when it had kept its measurement and still its claim.
  const claim = join(study.store.directory, `${first.measurements[0].id}.0.claim`);
  await Deno.writeTextFile(claim, "");
  const again = await runStudy(study);
  assert.equal(again.made, 0);
  assert.deepEqual(again.measurements, first.measurements);
  assert.deepEqual(filesIn(study.store.directory), files);
  assert.deepEqual(await runStudy({ ...study, measureMissing: false }), again);
});

Deno.test("a text too short to score is refused before anything is measured", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const evaluation = () => Promise.resolve([{ name: "short", text: "the cat" }]);
  await assert.rejects(runStudy({ ...study, texts: { ...study.texts, evaluation } }), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, /file 'wikitext': is too short to score: got '\d+ tokens'/);
    return true;
  });
  assert.deepEqual(filesIn(study.store.directory), []);
});

Deno.test("a stopped study has what it finished, and the next makes exactly the rest", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const controller = new AbortController();
  const { signal } = controller;
  const onProgress = ({ done }: { done: number }) => {
    if (done === 6) controller.abort(new Error("enough"));
  };
  await assert.rejects(runStudy({ ...study, signal, onProgress }), /enough/);
  const kept = storedIds(study.store);
  assert.equal(kept.length, 6);
  const rest = await runStudy(study);
  assert.equal(rest.made, planTasks(study.protocol).length - 6);
  assert.deepEqual(rest.measurements.slice(0, 6).map(({ id }) => id).sort(), kept);
});

Deno.test("a study stopped within a distillation loses that one only", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const protocol = { ...study.protocol, wallClock: { batchSizes: [1], steps: 9, repeats: 1 } };
  const controller = new AbortController();
  const stopping = acting(3, () => controller.abort(new Error("enough")));
  const { signal } = controller;
  await assert.rejects(runStudy({ ...study, protocol, engine: stopping, signal }), /enough/);
  assert.deepEqual(filesIn(study.store.directory), []);
  assert.equal((await runStudy({ ...study, protocol })).made, planTasks(protocol).length);
});

Deno.test("without leave to measure, what is missing is named", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const run = () => runStudy({ ...study, measureMissing: false });
  const refused = async (value: RegExp) =>
    await assert.rejects(run(), (error) => {
      assert.ok(error instanceof MeasurementError);
      assert.equal(error.fault.file, study.store.directory);
      assert.match(String(error.fault.value), value);
      return true;
    });
  await refused(/^base → fine: distilled \(study-faithful, steps 1, batch 2\), seed 1: timing$/);
  const { measurements } = await runStudy(study);
  await Deno.remove(join(study.store.directory, `${measurements.at(-1)!.id}.json`));
  await refused(/^base → fine: distilled \(corrected, steps 2, batch 1\), seed 1: timing$/);
});

/** Makes the times of a store those of other machines, in turn. */
async function movedTimes(
  { store, measurements }: { store: MeasurementStore; measurements: readonly Measurement[] },
  ...machines: string[]
): Promise<void> {
  const timings = measurements.filter(({ kind }) => kind === timingKind.name);
  for (const [index, { id: before, kind, key, engine, device, result }] of timings.entries()) {
    const moved = { ...key as TimingKey, machine: machines[index % machines.length] };
    const id = measurementId(kind, moved);
    await store.put({ id, kind, key: moved, engine, device, result }, "moved");
    await Deno.remove(join(store.directory, `${before}.json`));
  }
}

Deno.test("a store from another kind of machine is drawn with its times, which are told as its own", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const { measurements } = await runStudy(study);
  await movedTimes({ ...study, measurements }, "sparc solaris, 3 cores");
  const copied = await runStudy({ ...study, measureMissing: false });
  assert.deepEqual(
    copied.measurements.map(({ result }) => result),
    measurements.map(({ result }) => result),
  );
  assert.equal(
    studyProvenance(copied.measurements, study.protocol).machine,
    "sparc solaris, 3 cores",
  );
  // Who may measure takes this machine's own times.
  const here = await runStudy(study);
  assert.equal(here.made, measurements.filter(({ kind }) => kind === timingKind.name).length);
  const own = await runStudy({ ...study, measureMissing: false });
  assert.deepEqual(own, { ...here, made: 0 });
  assert.equal(studyProvenance(own.measurements, study.protocol).machine, machineClass());
});

Deno.test("times of several other machines are not mixed", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const { measurements } = await runStudy(study);
  await movedTimes({ ...study, measurements }, "one", "another");
  await assert.rejects(runStudy({ ...study, measureMissing: false }), (error) => {
    assert.ok(error instanceof MeasurementError);
    assert.equal(error.fault.value, `another, ${study.engine.name}; one, ${study.engine.name}`);
    return error.fault.file === study.store.directory;
  });
});

Deno.test("a stored measurement that is corrupt stops a study by its name", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const { measurements } = await runStudy(study);
  const file = join(study.store.directory, `${measurements[3].id}.json`);
  await Deno.truncate(file, 100);
  await assert.rejects(runStudy(study), (error) => {
    assert.ok(error instanceof MeasurementError);
    assert.equal(error.fault.file, file);
    return true;
  });
  await Deno.remove(file);
  assert.equal((await runStudy(study)).made, 1);
});

Deno.test("a pair that cannot be opened is named, after others were measured", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const [present] = study.protocol.pairs;
  const missing = { ...present, name: "missing", fine: join(pair.folder, "nowhere") };
  const protocol = { ...study.protocol, pairs: [missing, present] };
  await assert.rejects(runStudy({ ...study, protocol }), (error) => {
    assert.ok(error instanceof CheckpointError);
    assert.equal(error.fault.file, missing.fine);
    return true;
  });
});

Deno.test("a delta of another calibration, or a changed one, is not scored under this one's name", async () => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const { store } = study;
  const { measurements } = await runStudy(study);
  const compressions = measurements.filter(({ task }) =>
    task.kind === "compression" && task.model.seed !== null
  );
  for (const { id, task } of measurements) {
    if (task.kind === "evaluation") await Deno.remove(join(store.directory, `${id}.json`));
  }
  const [mine, other] = compressions.map(({ id }) => store.filePath(compressionKind, id));
  const kept = await Deno.readFile(mine);
  await Deno.copyFile(other, mine);
  await assert.rejects(runStudy(study), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.equal(error.fault.file, mine);
    return /is not the delta that its compression wrote.*delete it to compress again$/
      .test(error.message);
  });
  kept[kept.length - 1] ^= 1;
  await Deno.writeFile(mine, kept);
  await assert.rejects(runStudy(study), /tensor '[^']+': is not as it was written/);
  await Deno.remove(mine);
  const again = await runStudy(study);
  assert.deepEqual(again.measurements.map(({ id }) => id), measurements.map(({ id }) => id));
});
