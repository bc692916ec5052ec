/** Pages of many sequences, held against who has which: none is anybody's twice, and all come back. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Engine, Reserved } from "../../../lib/graph/engine.ts";
import {
  cacheBytes,
  cacheGroups,
  type CacheSizes,
  PAGE_SIZE,
} from "../../../lib/model/serving/cache_plan.ts";
import { KeyValueCache, type SequenceRoom } from "../../../lib/model/serving/key_value_cache.ts";
import { architectures } from "../architecture_cases.ts";

const config = architectures["biases and windows by layer"];
const sizes: CacheSizes = { longest: 200, chunk: 32, sequences: 3, tokens: 400 };

/** An engine that has memory and computes nothing, and what of its memory is reserved. */
function memoryAlone() {
  const reserved = new Set<string>();
  const reserve: Engine["reserve"] = (info, name) => {
    reserved.add(name!);
    const release = () => void reserved.delete(name!);
    return Promise.resolve({ ...info, release } as Reserved);
  };
  return { engine: { reserve } as Engine, reserved };
}

Deno.test("layers of one window share pages, and a ring holds a window and a chunk", () => {
  const [sliding, full] = cacheGroups(config, sizes);
  assert.deepEqual([sliding.layers, full.layers], [[0, 2], [1]]);
  // 3 tokens of the window and 31 before them that a chunk of 32 writes at once.
  assert.equal(sliding.tablePages, Math.ceil(34 / PAGE_SIZE));
  assert.equal(full.tablePages, Math.ceil(200 / PAGE_SIZE));
  assert.equal(full.pages, 400 / PAGE_SIZE);
  // Three rings are less than 400 tokens.
  assert.equal(sliding.pages, 3 * sliding.tablePages);
  const perToken = 2 * 4 * config.keyValueHeadCount * config.headSize;
  const cells = (2 * sliding.pages + full.pages) * PAGE_SIZE;
  assert.equal(cacheBytes(config, [sliding, full]), cells * perToken);
});

Deno.test("a window that is longer than any sequence is no ring", () => {
  const [group] = cacheGroups({ ...config, slidingLayers: undefined, slidingWindow: 190 }, sizes);
  assert.equal(group.tablePages, Math.ceil(200 / PAGE_SIZE));
  assert.equal(group.tableTokens, group.tablePages * PAGE_SIZE);
});

Deno.test("sequences that come and go have pages of their own, and give all back", async () => {
  const { engine, reserved } = memoryAlone();
  const groups = cacheGroups(config, sizes);
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: sizes.longest })), {
    maxLength: 60,
  });
  await fc.assert(fc.asyncProperty(steps, async (steps) => {
    using cache = await KeyValueCache.reserve(engine, config, groups);
    const all = cache.freeTokens;
    const running: SequenceRoom[] = [];
    for (const [comes, tokens] of steps) {
      if (comes) {
        const free = cache.freeTokens;
        const room = cache.take(tokens);
        assert.equal(room !== null, tokens <= free);
        if (room) running.push(room);
      } else if (running.length > 0) {
        const [gone] = running.splice(tokens % running.length, 1);
        gone.release();
        gone.release();
      }
      for (const [group, { pages, tablePages }] of groups.entries()) {
        const owned = running.flatMap(({ tables }) =>
          [...tables[group]].filter((page) => page >= 0)
        );
        assert.equal(new Set(owned).size, owned.length);
        assert.ok(owned.every((page) => page < pages));
        assert.ok(running.every(({ tables }) => tables[group].length === tablePages));
      }
    }
    running.forEach((each) => each.release());
    assert.equal(cache.freeTokens, all);
  }));
  assert.equal(reserved.size, 0);
});

Deno.test("a sequence has pages for its tokens alone, first of those that were used before", async () => {
  const { engine } = memoryAlone();
  using cache = await KeyValueCache.reserve(engine, config, cacheGroups(config, sizes));
  const first = cache.take(40)!;
  assert.deepEqual([...first.tables[1].slice(0, 4)], [0, 1, 2, -1]);
  assert.deepEqual([...first.tables[0]], [0, 1, 2]);
  first.release();
  const second = cache.take(17)!;
  assert.ok(second.tables[1].every((page) => page < 3));
});
