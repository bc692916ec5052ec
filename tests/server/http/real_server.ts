/** A server on a free port over real models and the real scheduler, for tests. */

import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import {
  openServer,
  type Server,
  type ServerOptions,
} from "../../../lib/server/http/open_server.ts";
import { Residency, type ResidencyOptions } from "../../../lib/server/residency.ts";
import { Scheduler } from "../../../lib/server/scheduler.ts";

/** A running one. */
export interface RealServer extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  /** Posts JSON, and reads what comes back as JSON. */
  // deno-lint-ignore no-explicit-any -- as clients see it
  post(path: string, body: unknown): Promise<any>;
}

/** Starts one; disposing of it ends it and frees everything. */
export async function realServer(
  folder: string,
  deltas: string,
  options: Partial<ServerOptions> = {},
  residency: ResidencyOptions = {},
): Promise<RealServer> {
  const base = await Checkpoint.open(folder);
  const model = await TenantModel.open(onnxEngine({ threads: 1 }), base, {
    mostRows: 8,
    longest: 128,
  });
  const directory = new Residency(model, residency);
  let scheduler!: Scheduler;
  const server = await openServer(
    { base, deltas, name: "base", port: 0, ...options },
    (listener) => {
      scheduler = new Scheduler(model, { tenants: directory, listener });
      return { taker: scheduler, directory, longest: model.longest, model };
    },
  );
  await server.restored;
  return {
    url: server.url,
    server,
    async post(path, body) {
      const response = await fetch(`${server.url}${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      return await response.json();
    },
    async [Symbol.asyncDispose]() {
      await server.end(0);
      await scheduler[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
      base.close();
    },
  };
}
