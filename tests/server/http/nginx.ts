/** nginx with a configuration in a folder of its own, in one process of whoever runs the tests. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";

/** Ports that are tried: another process may take one that was free. */
const PORTS = 5;

/** Where Debian installs it, which not every user's PATH has. */
const PATH = `${Deno.env.get("PATH")}:/usr/sbin`;

/** Whether it is installed. */
export async function hasNginx(): Promise<boolean> {
  try {
    return (await command(["-v"]).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A running one. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
}

/** Starts one. @param http what stands in its `http` block, for a port that it is to listen on. */
export async function startNginx(http: (port: number) => string): Promise<Nginx> {
  const folder = await temporaryFolder();
  let told = "";
  for (let tries = 0; tries < PORTS; tries++) {
    const port = freePort();
    await Deno.writeTextFile(join(folder.path, "nginx.conf"), configuration(http(port)));
    const child = command(["-p", folder.path, "-c", "nginx.conf", "-e", "stderr"]).spawn();
    const log = child.stderr.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    told = "";
    for (let part = await log.next(); !part.done; part = await log.next()) {
      told += part.value;
      // Said when all ports are listened on.
      if (told.includes("event method")) return running(child, port, log, folder);
    }
    await child.status;
  }
  await folder[Symbol.asyncDispose]();
  assert.fail(told);
}

function running(
  child: Deno.ChildProcess,
  port: number,
  log: AsyncIterator<string>,
  folder: AsyncDisposable,
): Nginx {
  const rest = (async () => {
    while (!(await log.next()).done);
  })();
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await Promise.all([child.status, rest]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function command(args: readonly string[]): Deno.Command {
  return new Deno.Command("nginx", {
    args: [...args],
    env: { PATH },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
}

function configuration(http: string): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((of) => `${of}_temp_path ${of};`);
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
access_log off;
${paths.join("\n")}
${http}
}
`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
