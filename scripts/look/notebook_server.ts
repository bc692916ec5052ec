/** Jupyter Notebook as a server for a folder, with Deno's kernel and nothing of the user's settings. */

import { join } from "node:path";
import { OptionError, writeKernelSpec } from "../../lib/mod.ts";

/** Milliseconds that the server may take to start. */
const START_LIMIT = 60_000;

/** A running server. */
export class NotebookServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #home: string;
  readonly #url: string;
  readonly #token: string;

  private constructor(process: Deno.ChildProcess, home: string, url: string, token: string) {
    this.#process = process;
    this.#home = home;
    this.#url = url;
    this.#token = token;
  }

  /**
   * Starts a server.
   *
   * @throws {OptionError} if Jupyter Notebook is not installed, or does not start.
   */
  static async open(folder: string, signal?: AbortSignal): Promise<NotebookServer> {
    const home = await Deno.makeTempDir({ prefix: "jupyter-" });
    await writeKernelSpec(join(home, "data"));
    const token = crypto.randomUUID();
    const port = freePort();
    const process = spawn(home, [
      "notebook",
      "--no-browser",
      "--allow-root",
      "--ip=127.0.0.1",
      `--port=${port}`,
      "--port-retries=0",
      `--NotebookApp.token=${token}`,
      `--notebook-dir=${folder}`,
    ]);
    const server = new NotebookServer(process, home, `http://127.0.0.1:${port}`, token);
    try {
      await server.#untilReady(signal);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where a notebook of the folder is shown. */
  address(notebook: string): string {
    return `${this.#url}/notebooks/${encodeURIComponent(notebook)}?token=${this.#token}`;
  }

  /** Ends the server, and with it its kernels. */
  async [Symbol.asyncDispose](): Promise<void> {
    // It has its kernels end before it does.
    try {
      this.#process.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.status;
    await Deno.remove(this.#home, { recursive: true });
  }

  async #untilReady(signal?: AbortSignal): Promise<void> {
    let ended = false;
    this.#process.status.then(() => ended = true);
    const limit = AbortSignal.timeout(START_LIMIT);
    while (!ended && !limit.aborted) {
      signal?.throwIfAborted();
      const answer = await fetch(`${this.#url}/api?token=${this.#token}`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw absent("Jupyter Notebook does not start");
  }
}

function spawn(home: string, args: string[]): Deno.ChildProcess {
  try {
    return new Deno.Command("jupyter", {
      args,
      env: {
        JUPYTER_CONFIG_DIR: join(home, "config"),
        JUPYTER_DATA_DIR: join(home, "data"),
        JUPYTER_RUNTIME_DIR: join(home, "runtime"),
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw absent("there is no Jupyter");
    throw error;
  }
}

function absent(problem: string): OptionError {
  return new OptionError({
    problem,
    expected: "Jupyter Notebook 6, such as Debian's jupyter-notebook",
  });
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
