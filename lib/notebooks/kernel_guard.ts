/**
 * A program of its own that starts Deno's Jupyter kernel and ends it, with whatever the kernel
 * started, as soon as its own standard input closes: so no kernel outlives the process that asked
 * for it, not even one that is killed outright and can do nothing any more.
 *
 * Arguments: the connection file. Standard output: the kernel's exit code, if it ends by itself.
 * Standard error: the kernel's. Runs as the leader of a process group (`detached`).
 */

if (import.meta.main) {
  const kernel = new Deno.Command(Deno.execPath(), {
    args: ["jupyter", "--quiet", "--kernel", "--conn", Deno.args[0]],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const ownerGone = untilClosed(Deno.stdin.readable);
  const code = await Promise.race([kernel.status.then(({ code }) => code), ownerGone]);
  if (code !== undefined) {
    await Deno.stdout.write(new TextEncoder().encode(`${code}\n`));
  }
  if (Deno.build.os === "windows") kernel.kill("SIGKILL");
  else Deno.kill(-Deno.pid, "SIGKILL");
}

async function untilClosed(stream: ReadableStream<Uint8Array>): Promise<undefined> {
  for await (const _ of stream);
}
