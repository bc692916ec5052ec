/**
 * One page of a Chromium without a window, told what to do by Chrome's DevTools protocol. Only the few
 * commands that looking at a page needs.
 *
 * Source: https://chromedevtools.github.io/devtools-protocol/
 */

import { join } from "node:path";
import { OutputError } from "../../lib/mod.ts";

/** Switches that leave a browser without window, network of its own and first-run pages. */
const switches = [
  "--headless",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];

/** Milliseconds that a browser may take to start. */
const START_LIMIT = 30_000;
/** Milliseconds between two questions to a page. */
const ASK_AGAIN = 100;

interface Answer {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** A page in a browser of its own. */
export class BrowserPage implements AsyncDisposable {
  readonly #browser: Deno.ChildProcess;
  readonly #socket: WebSocket;
  readonly #profile: string;
  readonly #pending = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  #session?: string;
  #commands = 0;

  private constructor(browser: Deno.ChildProcess, socket: WebSocket, profile: string) {
    this.#browser = browser;
    this.#socket = socket;
    this.#profile = profile;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => {
      for (const { reject } of this.#pending.values()) reject(new Error("the browser has ended"));
    };
  }

  /**
   * Starts a browser with an empty page.
   *
   * @throws {OutputError} if it does not start.
   */
  static async open(executable: string): Promise<BrowserPage> {
    const profile = await Deno.makeTempDir({ prefix: "browser-" });
    // Chromium refuses to run as root in its sandbox.
    const sandbox = Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--no-sandbox"] : [];
    const browser = new Deno.Command(executable, {
      args: [...switches, ...sandbox, `--user-data-dir=${profile}`, "about:blank"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const socket = new WebSocket(await endpoint(profile, executable, browser.status));
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
      const page = new BrowserPage(browser, socket, profile);
      const { targetId } = await page.#command("Target.createTarget", { url: "about:blank" });
      const attach = { targetId, flatten: true };
      const { sessionId } = await page.#command("Target.attachToTarget", attach);
      page.#session = String(sessionId);
      return page;
    } catch (error) {
      end(browser);
      await browser.status;
      await Deno.remove(profile, { recursive: true });
      throw error;
    }
  }

  /** Makes the page this large, in CSS pixels. */
  async resize(width: number, height: number): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.#command("Emulation.setDeviceMetricsOverride", metrics);
  }

  /** Goes to an address; does not wait for the page to be ready. */
  async goTo(url: string): Promise<void> {
    await this.#command("Page.navigate", { url });
  }

  /** The value of a JavaScript expression in the page, `undefined` if it throws. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#command("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    return (answer.result as { value?: unknown }).value;
  }

  /**
   * Asks until an expression is true.
   *
   * @throws the signal's reason.
   */
  async until(expression: string, signal: AbortSignal): Promise<void> {
    while (await this.evaluate(expression) !== true) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
    }
  }

  /** A part of the page, over its full width, as PNG. */
  async picture(y: number, width: number, height: number): Promise<Uint8Array> {
    const { data } = await this.#command("Page.captureScreenshot", {
      clip: { x: 0, y, width, height, scale: 1 },
    });
    return Uint8Array.fromBase64(String(data));
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command("Browser.close", {}, null).catch(() => end(this.#browser));
    await this.#browser.status;
    this.#socket.close();
    await Deno.remove(this.#profile, { recursive: true });
  }

  #command(
    method: string,
    params: Record<string, unknown>,
    sessionId: string | null = this.#session ?? null,
  ): Promise<Record<string, unknown>> {
    const id = ++this.#commands;
    const pending = Promise.withResolvers<Record<string, unknown>>();
    this.#pending.set(id, pending);
    this.#socket.send(JSON.stringify({ id, method, params, ...sessionId && { sessionId } }));
    return pending.promise;
  }

  #receive({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id ?? 0);
    this.#pending.delete(id ?? 0);
    if (error) pending?.reject(new Error(`DevTools: ${error.message}`));
    else pending?.resolve(result ?? {});
  }
}

/** Ends a browser that may have ended by itself, which a `TypeError` tells. */
function end(browser: Deno.ChildProcess): void {
  try {
    browser.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** The address that a browser writes into its profile once it listens. */
async function endpoint(
  profile: string,
  executable: string,
  status: Promise<Deno.CommandStatus>,
): Promise<string> {
  const limit = AbortSignal.timeout(START_LIMIT);
  let ended: Deno.CommandStatus | undefined;
  status.then((status) => ended = status);
  while (!limit.aborted && !ended) {
    try {
      const text = await Deno.readTextFile(join(profile, "DevToolsActivePort"));
      const [port, path] = text.split("\n");
      if (path) return `ws://127.0.0.1:${port}${path}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
  }
  throw new OutputError({
    problem: "does not start",
    file: executable,
    value: ended ? `it ended with code ${ended.code}` : `nothing for ${START_LIMIT / 1000} s`,
    expected: "a Chromium that listens for commands",
  });
}
