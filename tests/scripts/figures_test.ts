/** `scripts/figures.ts` as a program: its options; `reproduce_test.ts` has it draw a whole run. */

import assert from "node:assert/strict";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";

Deno.test("figures --help tells how figures can be set", async () => {
  const { code, out } = await runTask("figures", ["--help"]);
  assert.equal(code, 0);
  for (const option of ["--to", "--format", "--width", "--theme", "--panels", "--dpi"]) {
    assert.ok(out.includes(option), option);
  }
});

const refused: { args: string[]; message: RegExp }[] = [
  {
    args: ["--theme", "poster"],
    message: /option '--theme': names no theme: got 'poster'; expected paper or talk\n/,
  },
  {
    args: ["--width", "wide"],
    message:
      /option '--width': is no width of a figure: got 'wide'; expected column, page, or 56mm/,
  },
  {
    args: ["--width", "40mm", "--theme", "talk"],
    message: /got '40mm'; expected column, page, or 83mm to 1000mm .*in theme 'talk'/,
  },
  {
    args: ["--format", "svg,gif"],
    message: /option '--format': names no format: got 'gif'; expected a list of svg, png, pdf/,
  },
  {
    args: ["--panels", "ours"],
    message: /option '--panels': names no panels: got 'ours'; expected all or measured/,
  },
  {
    args: ["--dpi", "5000"],
    message: /option '--dpi': is no resolution .*got 5000; expected 50 to 1200 pixels an inch/,
  },
  { args: ["--format", ""], message: /option '--format': names nothing: got ''/ },
];

for (const { args, message } of refused) {
  Deno.test(`figures ${args.join(" ")} is refused before anything is read`, async () => {
    await using folder = await temporaryFolder();
    const { code, out, error } = await runHere("figures", [...args, "--out", folder.path]);
    assert.deepEqual([code, out, filesIn(folder.path)], [2, "", []]);
    assert.match(error, message);
    assert.match(error, /^figures: .*\n$/, "one line, no trace");
  });
}
