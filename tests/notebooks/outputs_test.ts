/** A kernel's messages as the outputs that Jupyter shows in the end. */

import assert from "node:assert/strict";
import type { Message } from "../../lib/notebooks/messages.ts";
import type { Output } from "../../lib/notebooks/notebook.ts";
import { OutputCollector } from "../../lib/notebooks/outputs.ts";

const message = (type: string, content: object): Message => ({
  type,
  parent: "p",
  content: { ...content },
});
const stream = (text: string, name = "stdout") => message("stream", { name, text });
const display = (text: string, id?: string) =>
  message("display_data", {
    data: { "text/plain": text },
    metadata: {},
    transient: id === undefined ? {} : { display_id: id },
  });
const update = (text: string, id: string) => ({
  ...display(text, id),
  type: "update_display_data",
});
const clear = (wait: boolean) => message("clear_output", { wait });

const shown = (text: string): Output => ({
  output_type: "display_data",
  data: { "text/plain": text },
  metadata: {},
});
const written = (text: string, name: "stdout" | "stderr" = "stdout"): Output => ({
  output_type: "stream",
  name,
  text,
});

const cases: [name: string, messages: Message[], outputs: Output[]][] = [
  ["text of one stream is one output", [stream("a"), stream("b\n"), stream("c")], [
    written("ab\nc"),
  ]],
  ["text of two streams is kept apart, in order", [
    stream("a"),
    stream("b", "stderr"),
    stream("c"),
  ], [written("a"), written("b", "stderr"), written("c")]],
  ["a display parts text", [stream("a"), display("d"), stream("b")], [
    written("a"),
    shown("d"),
    written("b"),
  ]],
  ["a carriage return writes over the line", [
    stream("first\n10 %\r50 %"),
    stream("\r100 %\nlast\r\n"),
  ], [written("first\n100 %\nlast\r\n")]],
  ["a carriage return at the end waits for what comes", [stream("10 %\r"), stream("20 %\r")], [
    written("20 %\r"),
  ]],
  ["a display is updated in place", [
    display("0 %", "bar"),
    stream("a"),
    update("50 %", "bar"),
    update("100 %", "bar"),
  ], [shown("100 %"), written("a")]],
  ["a display shown twice is updated twice", [
    display("a", "x"),
    display("b", "x"),
    update("c", "x"),
  ], [shown("c"), shown("c")]],
  ["an update of nothing shows nothing", [update("a", "unknown"), display("b")], [shown("b")]],
  ["displays without an id are not updated", [display("a"), update("b", "")], [shown("a")]],
  ["outputs are cleared at once", [stream("a"), clear(false), stream("b"), clear(false)], []],
  ["outputs are cleared when the next one comes", [
    stream("a"),
    display("d"),
    clear(true),
    stream("b"),
    clear(true),
  ], [written("b")]],
  ["what has been cleared is not written on", [stream("a"), clear(true), stream("b")], [
    written("b"),
  ]],
  ["what is no output is left out", [message("execute_input", { code: "1" }), stream("a")], [
    written("a"),
  ]],
  ["a result carries the cell's number, an error its trace", [
    message("execute_result", { data: { "text/plain": "1" }, metadata: {}, execution_count: 99 }),
    message("error", { ename: "Error", evalue: "bad", traceback: ["Error: bad"] }),
  ], [
    {
      output_type: "execute_result",
      data: { "text/plain": "1" },
      metadata: {},
      execution_count: 7,
    },
    { output_type: "error", ename: "Error", evalue: "bad", traceback: ["Error: bad"] },
  ]],
];

for (const [name, messages, expected] of cases) {
  Deno.test(name, () => {
    const { outputs, receive } = new OutputCollector().cell(7);
    messages.forEach(receive);
    assert.deepEqual(outputs, expected);
  });
}

Deno.test("a cell may update what an earlier cell shows", () => {
  const collector = new OutputCollector();
  const first = collector.cell(1);
  const second = collector.cell(2);
  first.receive(display("a", "x"));
  second.receive(update("b", "x"));
  assert.deepEqual([first.outputs, second.outputs], [[shown("b")], []]);
});
