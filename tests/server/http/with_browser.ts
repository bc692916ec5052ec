/** Tests that use a page in a real Chromium; reported as ignored where there is none. */

import type { Browser } from "playwright-core";
import { findBrowser } from "../../../scripts/look/find_browser.ts";

const executablePath = await findBrowser().catch(() => null);

/** Registers a test whose steps share a browser without a window: to start one takes most of a second. */
export function testWithBrowser(
  name: string,
  steps: Readonly<Record<string, (browser: Browser) => Promise<void>>>,
): void {
  Deno.test({
    name: `${name} (needs chromium)`,
    ignore: executablePath === null,
    fn: async (test) => {
      const browser = await (await playwright()).launch({
        executablePath: executablePath!,
        // Chromium refuses to run as root in its sandbox.
        chromiumSandbox: Deno.build.os !== "windows" && Deno.uid() !== 0,
        args: ["--disable-quic"],
      });
      try {
        for (const [step, run] of Object.entries(steps)) await test.step(step, () => run(browser));
      } finally {
        await browser.close();
      }
    },
  });
}

/**
 * On import, Playwright looks into `/proc/sys` for whether it is in Windows' Linux, which Deno lets nobody do who
 * may not do all; with this variable it does not look.
 */
async function playwright() {
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  Deno.env.delete("__IS_WSL_TEST__");
  return chromium;
}
