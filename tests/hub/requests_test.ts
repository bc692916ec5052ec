/** Requests to the Hub: what is tried again and when, where redirects may lead, and who sees the token. */

import assert from "node:assert/strict";
import { HubError } from "../../lib/util/errors.ts";
import { hubCase, someBytes } from "./hub_case.ts";

const TOKEN = "hf_neverShown";
const files = { "config.json": "{}", "model.safetensors": someBytes(100) };
const repositories = { "us/m": { files } };

Deno.test("429 is waited for as long as it says, in seconds or until a date", async () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  await using all = await hubCase({ repositories }, { now: () => now });
  const on = /revision/;
  all.hub.fail({ on, times: 1, status: 429, headers: { "Retry-After": "7" } });
  const date = "Thu, 01 Jan 2026 00:00:11 GMT";
  all.hub.fail({ on, times: 1, status: 429, headers: { "Retry-After": date } });
  all.hub.fail({ on, times: 1, status: 429, headers: { "Retry-After": "soon" } });
  await all.open("hf:us/m");
  assert.deepEqual(all.waits.slice(0, 2), [7000, 11_000]);
  assert.ok(all.waits[2] >= 1000 && all.waits[2] <= 2000, String(all.waits[2]));
});

Deno.test("a wait of more than five minutes is refused at once", async () => {
  await using all = await hubCase({ repositories });
  all.hub.fail({ on: /revision/, status: 429, headers: { "Retry-After": "3600" } });
  await assert.rejects(all.open("hf:us/m"), /HubError: .*answers 429.*within five minutes/);
  assert.deepEqual(all.waits, []);
});

Deno.test("a server that fails is asked six times, with longer and longer waits", async () => {
  for (const status of [500, 502, 503, 504]) {
    await using all = await hubCase({ repositories });
    all.hub.fail({ on: /revision/, times: 5, status });
    await all.open("hf:us/m");
    assert.equal(all.waits.length, 5);
    for (const [attempt, wait] of all.waits.entries()) {
      const longest = 500 * 2 ** attempt;
      assert.ok(wait >= longest / 2 && wait <= longest, `${attempt}: ${wait}`);
    }
  }
  await using all = await hubCase({ repositories });
  all.hub.fail({ on: /revision/, status: 503 });
  await assert.rejects(all.open("hf:us/m"), /tried 6 times.*answers 503.*HF_HUB_OFFLINE=1/);
});

Deno.test("no network at all is an error of one line that names the endpoint", async () => {
  await using all = await hubCase({ repositories });
  const { endpoint } = all.hub;
  await all.hub[Symbol.asyncDispose]();
  await assert.rejects(all.open("hf:us/m"), (error) => {
    assert.ok(error instanceof HubError);
    assert.match(error.message, /refuses connections/);
    assert.ok(error.message.includes(endpoint) && !error.message.includes("\n"));
    return true;
  });
});

Deno.test("a server that says nothing counts as gone", async () => {
  await using all = await hubCase({ repositories }, { silence: 5 });
  all.hub.fail({ on: /revision/, silent: true });
  await assert.rejects(all.open("hf:us/m"), /HubError: .*is silent/);
});

Deno.test("the token goes to the Hub with each request, and to no other origin", async () => {
  const gated = { "us/m": { files, gated: true, private: true } };
  await using all = await hubCase({ repositories: gated, token: TOKEN }, { token: TOKEN });
  await all.fetch("hf:us/m");
  const [hub, others] = ["hub", "files"].map((from) =>
    all.hub.asked.filter(({ origin }) => origin === from).map(({ hasToken }) => hasToken)
  );
  assert.deepEqual([...new Set(hub)], [true]);
  assert.deepEqual(others, [false]);
  for (const path of all.listing()) {
    assert.ok(!(await Deno.readTextFile(`${all.cache}/${path}`)).includes(TOKEN), path);
  }
});

Deno.test("a listing that goes on at another origin does not take the token there", async () => {
  await using all = await hubCase({ repositories, token: TOKEN }, { token: TOKEN });
  const Link = `<${all.hub.fileOrigin}/more>; rel="next"`;
  all.hub.fail({ on: /\/tree\//, status: 200, headers: { Link }, body: "[]" });
  await assert.rejects(all.open("hf:us/m"), HubError);
  const elsewhere = all.hub.asked.filter(({ origin }) => origin === "files");
  assert.deepEqual(elsewhere.map(({ hasToken }) => hasToken), [false]);
});

Deno.test("a renamed repository is found under its new name", async () => {
  const renamed = { "us/old": { files: {}, renamedTo: "us/m" }, ...repositories };
  await using all = await hubCase({ repositories: renamed });
  await all.fetch("hf:us/old");
  assert.ok(all.hub.asked.some(({ path }) => path.startsWith("/us/m/resolve/")));
});

Deno.test("redirects that go round, nowhere or away from https are refused", async () => {
  const cases: [Location: string, message: RegExp][] = [
    ["/us/m/resolve/main/config.json", /redirected again and again/],
    ["file:///etc/passwd", /redirected to no address/],
    ["", /redirected again and again|no address/],
  ];
  for (const [Location, message] of cases) {
    await using all = await hubCase({ repositories });
    all.hub.fail({ on: /resolve/, status: 302, headers: { Location } });
    await assert.rejects(all.fetch("hf:us/m"), message);
    assert.deepEqual(all.waits, []);
  }
  await using all = await hubCase({}, { endpoint: "https://hub.invalid" });
  const { fetch } = globalThis;
  const asked: string[] = [];
  globalThis.fetch = (url) => {
    asked.push(String(url));
    const headers = { Location: "http://hub.invalid/here" };
    return Promise.resolve(new Response(null, { status: 302, headers }));
  };
  try {
    await assert.rejects(all.open("hf:us/m"), /HubError: .*from https to http/);
  } finally {
    globalThis.fetch = fetch;
  }
  assert.equal(asked.length, 1);
});

Deno.test("a page in the place of an answer is told to be one", async () => {
  await using all = await hubCase({ repositories });
  const headers = { "Content-Type": "text/html" };
  all.hub.fail({ on: /revision/, status: 200, headers, body: "<html>Log in to this network" });
  await assert.rejects(all.open("hf:us/m"), /HubError: .*no JSON: got 'text\/html'.*HF_ENDPOINT/);
});

Deno.test("a listing that has no end is refused", async () => {
  await using all = await hubCase({ repositories });
  const Link = `<${all.hub.endpoint}/api/models/us/m/tree/on>; rel="next"`;
  all.hub.fail({ on: /\/tree\//, status: 200, headers: { Link }, body: "[]" });
  await assert.rejects(all.open("hf:us/m"), /HubError: .*listing has no end/);
});

Deno.test("answers that no Hub gives are refused as such", async () => {
  const cases: [on: RegExp, body: string][] = [
    [/revision/, "{}"],
    [/revision/, "null"],
    [/revision/, '{"sha":"../../../elsewhere"}'],
    [/\/tree\//, "{}"],
    [/\/tree\//, '[{"type":"file","path":"a","size":-1,"oid":"00"}]'],
    [/\/tree\//, `[{"type":"file","path":"a","size":1,"oid":"../../${"0".repeat(34)}"}]`],
    [/\/tree\//, `[{"type":"file","path":1,"size":1,"oid":"${"0".repeat(40)}"}]`],
    [/\/tree\//, "[null]"],
  ];
  for (const [on, body] of cases) {
    await using all = await hubCase({ repositories });
    all.hub.fail({ on, status: 200, body });
    await assert.rejects(all.open("hf:us/m"), HubError, body);
  }
});

Deno.test("what is refused says which page to visit and which variable to set", async () => {
  const served = {
    ...repositories,
    "us/gated": { files, gated: true },
    "us/private": { files, private: true },
  };
  const cases: [name: string, token: string | null, message: RegExp][] = [
    [
      "hf:us/gated",
      null,
      /is gated; expected access, asked for at \S+\/us\/gated, and HF_TOKEN set/,
    ],
    ["hf:us/gated", "hf_other", /gated and not open to the account.*asked for at \S+\/us\/gated$/],
    ["hf:us/private", null, /no such model, or it is private.*HF_TOKEN has to be set/],
    ["hf:us/private", "hf_other", /no such model, or the token may not see it.*\/us\/private/],
    ["hf:us/none", null, /no such model, or it is private/],
    ["hf:us/m@v2", null, /there is no revision 'v2'; expected .*\/us\/m/],
    ["hf:us/m/none", null, /there is no such file or folder/],
  ];
  for (const [name, token, message] of cases) {
    await using all = await hubCase({ repositories: served, token: TOKEN }, { token });
    await assert.rejects(all.fetch(name), (error) => {
      assert.ok(error instanceof HubError);
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(all.waits, []);
  }
  await using all = await hubCase({
    repositories: { "us/d": { kind: "dataset", files, private: true } },
  });
  await assert.rejects(all.open("hf:us/d", "dataset"), /no such data set.*\/datasets\/us\/d;/);
});

Deno.test("no error shows the token, even if the server repeats it", async () => {
  for (const status of [400, 401, 403, 404, 418, 500]) {
    await using all = await hubCase({ repositories, token: TOKEN }, { token: TOKEN });
    const headers = {
      "X-Error-Message": TOKEN,
      "X-Error-Code": TOKEN,
      "Content-Type": "text/plain",
    };
    all.hub.fail({ on: /api/, status, headers, body: TOKEN });
    const error = await all.open("hf:us/m").catch((error) => error);
    assert.ok(error instanceof HubError);
    assert.ok(!Deno.inspect(error, { depth: 10 }).includes(TOKEN), String(status));
  }
});
