/** What all scripts share: help, refusals, exit codes, Ctrl-C. */

import assert from "node:assert/strict";
import { interruptFile, runFile } from "./run_script.ts";

const SAMPLE = "sample_script.ts";

Deno.test("--help lists the options and exits with 0", async () => {
  const { code, out, error } = await runFile(SAMPLE, ["--help"]);
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^Usage: sample \[options\]\n\nEnds as told\.\n/);
  for (const option of ["--count <number>", "--end <way>", "-h, --help"]) {
    assert.ok(out.includes(option), option);
  }
});

Deno.test("the result is all that stands on stdout; progress goes to stderr", async () => {
  const { code, out, error } = await runFile(SAMPLE, ["--count", "5"]);
  assert.deepEqual([code, out], [0, "count 5\n"]);
  assert.match(error, /50% \| 1\/2 .* half/);
});

const ends: [args: string[], code: number, message: RegExp][] = [
  [
    ["--cuont", "3"],
    2,
    /^sample: unknown option '--cuont'; did you mean --count\? \(see --help\)\n$/,
  ],
  [["--fast"], 2, /^sample: unknown option '--fast' \(see --help\)\n$/],
  [["--count"], 2, /^sample: option '--count <number>' argument missing \(see --help\)\n$/],
  [
    ["--count", "1"],
    2,
    /^sample: option '--count <number>'.*'1' is invalid.*from 2 to 1000000\..*\n$/,
  ],
  [
    ["--count", "1e12"],
    2,
    /^sample: option '--count <number>'.*'1e12' is invalid.*to 1000000\..*\n$/,
  ],
  [["--count", ""], 2, /^sample: option '--count <number>'.*'' is invalid.*\n$/],
  [["--count", "2.5"], 2, /^sample: option '--count <number>'.*'2\.5' is invalid.*\n$/],
  ...["0x10", " 3", "+5", "3 ", "1e1", "NaN", "1e400"].map((count): typeof ends[number] => [
    ["--count", count],
    2,
    /^sample: option '--count <number>'.* is invalid\. expected a whole number from 2.*\n$/,
  ]),
  [["--end", ""], 2, /^sample: option '--end': names nothing: got ''; expected a name; .*\n$/],
  ...["~", "~/a", "~/"].map((name): typeof ends[number] => [
    ["--end", name],
    2,
    /^sample: option '--end': names nothing: got '~.*'; expected a path without '~', .*\n$/,
  ]),
  [["--count", "many"], 2, /^sample: option '--count <number>'.*'many' is invalid.*\n$/],
  [["something"], 2, /^sample: too many arguments.*\(see --help\)\n$/],
  [["--end", "input"], 1, /^sample: file 'a\.txt'.*is wrong: got 7; expected something else\n$/],
  [["--end", "option"], 2, /^sample: .*option '--end': is wrong: got 7; expected .*\n$/],
  [["--end", "closed"], 1, /^sample: the system refused: .*net access.*\n$/],
  [
    ["--end", "memory"],
    1,
    /^sample: there is not enough memory: Array buffer allocation failed\n$/,
  ],
  [["--end", "fault"], 1, /^Error: of our own\n\s+at .*sample_script\.ts/],
];

for (const [args, expected, message] of ends) {
  Deno.test(`sample ${args.join(" ")} exits with ${expected}`, async () => {
    const { code, out, error } = await runFile(SAMPLE, args);
    assert.deepEqual([code, out], [expected, ""]);
    assert.match(error, message);
  });
}

Deno.test("Ctrl-C stops a script, which says what it leaves", async () => {
  const { code, out, error } = await interruptFile(SAMPLE, ["--end", "stopped"], 1);
  assert.deepEqual([code, out], [130, ""]);
  assert.equal(error, "waits\nsample: stopped; nothing is left\n");
});

Deno.test("a second Ctrl-C ends a script that does not hear the first", async () => {
  const { code, error } = await interruptFile(SAMPLE, ["--end", "deaf"], 2);
  assert.deepEqual([code, error], [130, "waits\ngoes on\n"]);
});
