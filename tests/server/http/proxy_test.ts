/** Two servers behind nginx, by the configuration that README gives; reported as ignored where there is no nginx. */

import assert from "node:assert/strict";
import { join } from "node:path";
import OpenAI from "openai";
import { projectPath } from "../../../lib/util/project.ts";
import { hasNginx, startNginx } from "./nginx.ts";
import { servedPair, toyServer } from "./toy_server.ts";

const pair = await servedPair();
const readme = await Deno.readTextFile(projectPath("README.md"));
const [, example] = /\n```nginx\n([^]*?)\n```\n/.exec(readme) ?? assert.fail("README has no nginx");
const prompt = "the cow jumped over";

/** A server with one tenant. */
async function serverOf(tenant: string) {
  const folder = await Deno.makeTempDir({ dir: pair.folder });
  await Deno.copyFile(pair.delta, join(folder, `${tenant}.safetensors`));
  return await toyServer(pair, { folder });
}

/** README's configuration on other ports, each of which has to stand there. */
function onPorts(ports: Record<string, number | string>): string {
  return Object.entries(ports).reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replaceAll(from, String(to));
  }, example);
}

Deno.test({
  name:
    "behind nginx each tenant's path comes to its server, streams as they are made (needs nginx)",
  ignore: !await hasNginx(),
  fn: async () => {
    await using first = await serverOf("code");
    await using second = await serverOf("assistant");
    await using proxy = await startNginx((port) =>
      onPorts({
        "127.0.0.1:8001": new URL(first.url).host,
        "127.0.0.1:8002": new URL(second.url).host,
        "listen 8080": `listen 127.0.0.1:${port}`,
      })
    );
    const clientOf = (tenant: string) =>
      new OpenAI({
        baseURL: `${proxy.url}/t/${tenant}/v1`,
        apiKey: "none",
        maxRetries: 0,
        timeout: 20_000,
      });
    for (const [server, tenant] of [[first, "code"], [second, "assistant"]] as const) {
      const client = clientOf(tenant);
      const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id);
      assert.deepEqual(ids, ["base", tenant]);
      const body = { model: tenant, prompt, max_tokens: 9, seed: 3 };
      const direct = await (await server.post("/v1/completions", body)).json();
      const { choices: [{ text }] } = await client.completions.create(body);
      assert.equal(text, direct.choices[0].text);
      const parts = await Array.fromAsync(
        await client.completions.create({ ...body, stream: true }),
      );
      assert.equal(parts.map(({ choices }) => choices[0].text).join(""), text);
      assert.equal(server.taker.submitted.length, 3);
    }

    // The rest of an answer is not made yet when its first token has come.
    const client = clientOf("code");
    let turns = 0;
    const go = Promise.withResolvers<void>();
    first.taker.turn = () => ++turns > 1 ? go.promise : Promise.resolve();
    // Begins with a token that has text of its own.
    const body = { model: "code", prompt, seed: 3, max_tokens: 400, stream: true } as const;
    const stream = await client.completions.create(body);
    const gone = Promise.withResolvers<void>();
    for await (const { choices } of stream) {
      assert.notEqual(choices[0].text, "");
      const { signal } = first.taker.submitted.at(-1)!;
      signal!.addEventListener("abort", () => gone.resolve());
      stream.controller.abort();
    }
    await gone.promise;
    go.resolve();

    // A body that nginx's own limit would not let through, a name that is escaped, and what nobody has.
    const long = { model: "code", prompt: "x".repeat(2e6) };
    await assert.rejects(client.completions.create(long), { status: 400, param: "prompt" });
    await assert.rejects(client.models.retrieve("a?b/c"), /'a\?b\/c'/);
    const nobody = clientOf("nobody").models.list();
    await assert.rejects(nobody, { status: 404, code: "model_not_found", param: "model" });
    const page = await (await fetch(`${proxy.url}/t/assistant/`)).text();
    assert.match(page, /<title>/);
    const outside = await fetch(`${proxy.url}/t/code/../../metrics`);
    await outside.body!.cancel();
    assert.equal(outside.status, 404);
  },
});
