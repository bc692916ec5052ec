/** What bad requests do to good ones: nothing. The numbers of them are `deno task fuzz`'s. */

import assert from "node:assert/strict";
import { SeededRandom } from "../../../lib/util/random.ts";
import { mutated } from "../../fuzz/mutations.ts";
import { servedPair, toyServer } from "./toy_server.ts";

const pair = await servedPair();

Deno.test("a stream that runs is the same while 400 mutated requests come and a tenant goes", async () => {
  await using server = await toyServer(pair);
  const body = { model: "alice", prompt: "the cow jumped over", max_tokens: 300, seed: 0 };
  const expected = await (await server.post("/v1/completions", body)).json();
  const turns = Promise.withResolvers<void>();
  let seen = 0;
  server.taker.turn = () => seen++ < 50 ? Promise.resolve() : turns.promise;
  const stream = await server.post("/v1/completions", { ...body, stream: true });
  const text = stream.text();
  const { taker } = server;
  while (taker.submitted.length < 2) await new Promise((done) => setTimeout(done));
  // Others answer at once; the stream waits for them.
  const held = taker.turn;
  const [, running] = taker.submitted;
  taker.turn = () => taker.submitted.at(-1) === running ? held() : Promise.resolve();
  const sound = new TextEncoder().encode(
    JSON.stringify({ ...body, max_tokens: 2, n: 2, logprobs: 1 }),
  );
  const statuses = new Map<number, number>();
  for (let trial = 0; trial < 400; trial++) {
    const response = await fetch(`${server.url}/v1/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: Uint8Array.from(mutated(sound, "json", new SeededRandom(trial))),
    });
    await response.text();
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  }
  assert.ok((await fetch(`${server.url}/v1/deltas/alice`, { method: "DELETE" })).ok);
  turns.resolve();
  const events = (await text).trim().split("\n\n").map((each) => each.slice("data: ".length));
  assert.equal(events.pop(), "[DONE]");
  const parts = events.map((each) => JSON.parse(each).choices[0].text).join("");
  assert.equal(parts, expected.choices[0].text);
  assert.ok(statuses.get(200)! > 10 && statuses.get(400)! > 200, JSON.stringify([...statuses]));
  assert.deepEqual([...statuses.keys()].filter((status) => status >= 500), []);
});
