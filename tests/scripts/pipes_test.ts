/** A text that comes through a pipe: standard input, and what a shell substitutes for a process. */

import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { tokenizedPair } from "./tokenized_pair.ts";

/** Runs `script` in a shell whose `"$@"` is the command for the base of a pair, and `$TEXT` its text. */
async function runShell(pair: { base: string; text: string }, script: string) {
  const [deno, run, ...options] = project.tasks.evaluate.split(" ");
  assert.equal(deno, "deno");
  const command = [Deno.execPath(), run, "--no-prompt", ...options, "--base", pair.base];
  const sizes = ["--device", "cpu", "--context", "32", "--window", "16"];
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script, "bash", ...command, ...sizes],
    env: { NO_COLOR: "1", TEXT: pair.text },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, error };
}

/** How a shell gives the text `$TEXT` to the command `"$@"`. */
const pipes = {
  "/dev/stdin": 'cat "$TEXT" | "$@" --text /dev/stdin',
  "/dev/stdin, gzipped": 'gzip -c "$TEXT" | "$@" --text /dev/stdin',
  "/dev/stdin, a file": '"$@" --text /dev/stdin < "$TEXT"',
  "<(cat)": '"$@" --text <(cat "$TEXT")',
};

Deno.test({
  name: "evaluate scores a text through a pipe as it scores the file",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using pair = await tokenizedPair();
    const scored = async (script: string): Promise<string[]> => {
      const { code, out, error } = await runShell(pair, script);
      assert.equal(code, 0, error);
      return out.split("\n").filter((line) => /^\| (Perplexity|Bits)/.test(line));
    };
    const expected = await scored('"$@" --text "$TEXT"');
    assert.equal(expected.length, 2);
    for (const [kind, script] of Object.entries(pipes)) {
      assert.deepEqual(await scored(script), expected, kind);
    }
    const twice = await runShell(pair, '"$@" --text /dev/stdin /dev/stdin < "$TEXT"');
    assert.equal(twice.code, 1);
    assert.match(twice.error, /file '\/dev\/stdin': can be read only once/);
  },
});

Deno.test({
  name: "a file that is read as standard input is not written over",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using pair = await tokenizedPair();
    const before = await Deno.readTextFile(pair.text);
    const script = '"$@" --text /dev/stdin --json "$TEXT" --force < "$TEXT"';
    const { code, out, error } = await runShell(pair, script);
    assert.deepEqual([code, out], [2, ""], error);
    assert.match(error, /'--json': would replace what --text reads/);
    assert.equal(await Deno.readTextFile(pair.text), before);
  },
});
