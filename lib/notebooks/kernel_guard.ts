/**
 * A program of its own that starts Deno's Jupyter kernel and ends it, with whatever the kernel
 * started, as soon as its own standard input closes: so no kernel outlives the process that asked
 * for it, not even one that is killed outright and can do nothing any more.
 *
 * Argument: the connection file, which it removes in the end. Standard output: the kernel's exit code,
 * if it ends by itself. Standard error: the kernel's. Runs as the leader of a process group (`detached`).
 */

if (import.meta.main) {
  const [connectionFile] = Deno.args;
  const kernel = new Deno.Command(Deno.execPath(), {
    args: ["jupyter", "--quiet", "--kernel", "--conn", connectionFile],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  try {
    const ended = kernel.status.then(({ code }) => code);
    const code = await Promise.race([ended, closed(Deno.stdin.readable)]);
    await Deno.remove(connectionFile);
    if (code !== undefined) await Deno.stdout.write(new TextEncoder().encode(`${code}`));
  } finally {
    if (Deno.build.os === "windows") kernel.kill("SIGKILL");
    else Deno.kill(-Deno.pid, "SIGKILL");
  }
}

async function closed(stream: ReadableStream<Uint8Array>): Promise<undefined> {
  for await (const _ of stream);
}
