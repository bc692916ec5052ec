/** The start of a kernel where it is hard. */

import assert from "node:assert/strict";
import { KernelError } from "../../lib/notebooks/errors.ts";
import { Kernel } from "../../lib/notebooks/kernel.ts";

/** Ports that one kernel needs. */
const PORTS = 5;

/** Runs `test` while the first `count` ports that are found free are taken before anyone can use them. */
async function withTakenPorts(count: number, test: () => Promise<void>): Promise<void> {
  const listen = Deno.listen;
  const taken: Deno.Listener[] = [];
  Deno.listen = ((options: Deno.TcpListenOptions) => {
    const listener = listen(options);
    if (taken.length === count) return listener;
    taken.push(listener);
    return { addr: listener.addr, close() {} };
  }) as typeof Deno.listen;
  try {
    await test();
    assert.equal(taken.length, count);
  } finally {
    Deno.listen = listen;
    for (const listener of taken) listener.close();
  }
}

Deno.test("a kernel whose ports are taken before it starts is started again with others", async () => {
  await withTakenPorts(PORTS, async () => {
    await using kernel = await Kernel.start(".");
    assert.equal((await kernel.execute("1", () => {})).status, "ok");
  });
});

Deno.test("a kernel that never gets its ports is an error that says so", async () => {
  await withTakenPorts(3 * PORTS, async () => {
    await assert.rejects(Kernel.start("."), (error: Error) => {
      assert.ok(error instanceof KernelError);
      assert.match(error.message, /^the kernel ended before .*: got 'exit code 1 .*AddrInUse/);
      return true;
    });
  });
});
