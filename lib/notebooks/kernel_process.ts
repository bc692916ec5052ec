/**
 * Deno's Jupyter kernel as a process: started with ports of its own, watched by a guard
 * (`kernel_guard.ts`), ended for certain. Talking to it is `kernel.ts`.
 */

import { fileURLToPath } from "node:url";

/** What a client needs to reach a kernel: the content of Jupyter's connection file. */
export interface Connection {
  transport: "tcp";
  ip: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  signature_scheme: "hmac-sha256";
  key: string;
}

/** How a kernel ended. */
export interface KernelEnd {
  /** Its exit code; `null` if it was killed from here, or its guard was. */
  code: number | null;
  /** The last lines that it wrote to standard error. */
  log: string[];
}

/** Lines of a kernel's standard error that are kept, and characters of them. */
const LOG_LINES = 20;
const LOG_CHARACTERS = 10_000;

/** A running kernel. */
export class KernelProcess {
  /** How to reach it. */
  readonly connection: Connection;
  /** Settles once it has ended, and with it everything that it started. */
  readonly ended: Promise<KernelEnd>;
  readonly #guard: Deno.ChildProcess;

  private constructor(connection: Connection, guard: Deno.ChildProcess) {
    this.connection = connection;
    this.#guard = guard;
    this.ended = this.#watch();
  }

  /**
   * Starts a kernel.
   *
   * @param folder its working folder, whose `deno.json` (or the nearest above) it follows.
   */
  static async start(folder: string): Promise<KernelProcess> {
    const connection = newConnection();
    const file = await Deno.makeTempFile({ prefix: "kernel-", suffix: ".json" });
    await Deno.writeTextFile(file, JSON.stringify(connection));
    const guard = new Deno.Command(Deno.execPath(), {
      args: [...guardOptions, `--allow-write=${file}`, guardProgram, file],
      cwd: folder,
      // Colours are escape codes in the outputs, which are to be the same everywhere.
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // A group of its own: Ctrl-C in a terminal is for the owner, who ends the kernel.
      detached: true,
    }).spawn();
    return new KernelProcess(connection, guard);
  }

  /** Ends it at once; settles when it is gone. */
  async kill(): Promise<void> {
    await this.#guard.stdin.close().catch(() => {});
    await this.ended;
  }

  async #watch(): Promise<KernelEnd> {
    const [log, code] = await Promise.all([
      lastLines(this.#guard.stderr),
      new Response(this.#guard.stdout).text(),
      this.#guard.status,
    ]);
    return { code: code === "" ? null : Number(code), log };
  }
}

const guardOptions = ["run", "--quiet", "--no-prompt", "--no-config", "--allow-run"];
const guardProgram = fileURLToPath(new URL("./kernel_guard.ts", import.meta.url));

/** Five free ports, all held until the last is found so that they differ, and a new key. */
function newConnection(): Connection {
  const ip = "127.0.0.1";
  const listeners = Array.from({ length: 5 }, () => Deno.listen({ hostname: ip, port: 0 }));
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = listeners.map(
    (listener) => (listener.addr as Deno.NetAddr).port,
  );
  for (const listener of listeners) listener.close();
  return {
    transport: "tcp",
    ip,
    shell_port,
    iopub_port,
    stdin_port,
    control_port,
    hb_port,
    signature_scheme: "hmac-sha256",
    key: crypto.randomUUID(),
  };
}

async function lastLines(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + chunk).slice(-LOG_CHARACTERS);
  }
  return text.split("\n").filter((line) => line.trim() !== "").slice(-LOG_LINES);
}
