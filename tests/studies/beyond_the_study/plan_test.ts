import assert from "node:assert/strict";
import { readsText } from "../../../lib/methods/mod.ts";
import { beyondModels, listedModels } from "../../../lib/studies/beyond_the_study/models.ts";
import { modelOf, planBeyond } from "../../../lib/studies/beyond_the_study/plan.ts";
import { beyondProtocol } from "../../../lib/studies/beyond_the_study/protocol.ts";
import { tinyBeyond } from "./tiny_beyond.ts";

Deno.test("a plan has what each model gets, once, a delta before what needs it", () => {
  const { protocol } = tinyBeyond("folder");
  const tasks = planBeyond(protocol);
  const counted = (kind: string, method: string, pair = "base → fine") =>
    tasks.filter((task) =>
      task.kind === kind && task.pair.name === pair && typeof task.model !== "string" &&
      task.model.method === method
    ).length;
  // One without text; others by two seeds, on the other text too, and at the other size where they have one.
  assert.equal(counted("compression", "initial"), 1);
  assert.equal(counted("compression", "distilled"), 2 + 1);
  assert.equal(counted("compression", "activation-aware"), 2 + 2 + 2);
  assert.equal(counted("evaluation", "activation-aware"), 2 * 6);
  assert.equal(counted("compression", "activation-aware", "base → fine × 0.5"), 1);
  assert.equal(counted("compression", "unheard of"), 0);
  assert.equal(new Set(tasks.map((task) => JSON.stringify(task))).size, tasks.length);
  const made = new Set<string>();
  for (const { kind, pair, model } of tasks) {
    if (typeof model === "string") continue;
    const name = JSON.stringify([pair.name, model]);
    if (kind === "compression") made.add(name);
    else assert.ok(made.has(name), name);
  }
});

Deno.test("the full protocol is that of four pairs, five seeds, three sizes, three texts and four domains", () => {
  const { pairs, seeds, sizes, mixes, domains, crossover } = beyondProtocol;
  assert.deepEqual(
    [pairs, seeds, sizes, mixes, domains].map(({ length }) => length),
    [4, 5, 3, 3, 4],
  );
  assert.ok(pairs.some(({ name }) => name === crossover!.pair));
});

Deno.test("every model of the list is one that its method takes", () => {
  for (const model of listedModels(beyondModels).listed) {
    const { method, seed } = modelOf(beyondProtocol, model, 3);
    assert.equal(method, model.method);
    const choice = { method, variant: model.variant, settings: model.settings };
    assert.equal(seed, readsText(choice) ? 3 : null);
  }
});
