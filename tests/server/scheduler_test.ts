/** Requests of many tenants on one plain host: what they are answered, whose turn it is, and what is left of them. */

import assert from "node:assert/strict";
import { Residency } from "../../lib/server/residency.ts";
import { Scheduler } from "../../lib/server/scheduler.ts";
import type { SchedulerOptions } from "../../lib/server/scheduler_options.ts";
import { FakeClock } from "./fake_clock.ts";
import { alone, read, request } from "./plain_answers.ts";
import { PlainHost } from "./plain_host.ts";

function serving(host = new PlainHost(), options: SchedulerOptions = {}) {
  const clock = new FakeClock();
  for (const name of ["a", "b", "c"]) host.tenants.set(name, 1);
  const tenants = new Residency(host);
  const scheduler = new Scheduler(host, { clock, tenants, ...options });
  return { host, clock, tenants, scheduler };
}

Deno.test("an answer is that of the request alone", async () => {
  const { host, scheduler } = serving();
  const given = request({ tenant: "a", mostTokens: 20 });
  assert.deepEqual(await read(scheduler.submit(given)), alone(given));
  assert.equal(host.sequences.size, 0);
});
