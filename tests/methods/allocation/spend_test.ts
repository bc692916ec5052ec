import assert from "node:assert/strict";
import { type Option, spend } from "../../../lib/methods/allocation/spend.ts";
import { SeededRandom } from "../../../lib/util/random.ts";

const total = (options: readonly (readonly Option[])[], choice: readonly number[]) =>
  choice.reduce(
    (sum, option, layer) => ({
      bytes: sum.bytes + options[layer][option].bytes,
      cost: sum.cost + options[layer][option].cost,
    }),
    { bytes: 0, cost: 0 },
  );

/** Every choice there is. */
function everyChoice(options: readonly (readonly Option[])[]): number[][] {
  return options.reduce<number[][]>(
    (choices, each) => choices.flatMap((choice) => each.map((_, option) => [...choice, option])),
    [[]],
  );
}

Deno.test("where all steps take as much and gain less and less, the choice is the best of all", () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 40; round++) {
    const options = Array.from({ length: 4 }, () => {
      const gains = Array.from({ length: 3 }, () => random.uniform()).sort((a, b) => b - a);
      let cost = 10;
      return [
        { bytes: 7, cost },
        ...gains.map((gain, at) => ({
          bytes: 8 + at,
          cost: cost -= gain,
        })),
      ].sort(() => random.uniform() - 0.5);
    });
    const limit = 28 + round % 13;
    const bytesOf = (choice: readonly number[]) => total(options, choice).bytes;
    const found = total(options, spend(options, limit, bytesOf)!);
    const fitting = everyChoice(options).map((each) => total(options, each))
      .filter(({ bytes }) => bytes <= limit);
    const best = Math.min(...fitting.map(({ cost }) => cost));
    assert.ok(Math.abs(found.cost - best) < 1e-12, `${found.cost} ${best}`);
  }
});

Deno.test("whatever the options, a choice fits with its header, and no single change of it is better", () => {
  const random = new SeededRandom(2);
  let [apart, refused] = [0, 0];
  for (let round = 0; round < 60; round++) {
    const options = Array.from(
      { length: 4 },
      () =>
        Array.from({ length: 1 + Math.floor(4 * random.uniform()) }, () => ({
          bytes: 1 + Math.floor(40 * random.uniform()),
          cost: random.uniform(),
        })),
    );
    const limit = 30 + Math.floor(100 * random.uniform());
    // A header whose length depends on what is chosen.
    const sizeOf = (choice: readonly number[]) =>
      total(options, choice).bytes + 3 + choice[0] + 2 * choice[3];
    const all = everyChoice(options);
    const least = all.map((choice) => total(options, choice).bytes).sort((a, b) => a - b)[0];
    const found = spend(options, limit, sizeOf);
    if (found === null) {
      assert.ok(least + 12 > limit);
      refused++;
      continue;
    }
    assert.ok(sizeOf(found) <= limit);
    const { cost } = total(options, found);
    for (const [layer, each] of options.entries()) {
      for (const option of each.keys()) {
        const changed = found.with(layer, option);
        assert.ok(sizeOf(changed) > limit || total(options, changed).cost >= cost);
      }
    }
    const best = Math.min(
      ...all.filter((each) => sizeOf(each) <= limit).map((each) => total(options, each).cost),
    );
    if (cost > best + 1e-12) apart++;
  }
  assert.ok(refused > 0 && refused < 30, `${refused} refused`);
  // Greed is not always right; it mostly is.
  assert.ok(apart < 25, `${apart} not the best of all`);
});
