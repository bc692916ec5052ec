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
  ["a shorter text leaves the rest of the line under it", [stream("100 %\r"), stream("50 %\n")], [
    written("50 %%\n"),
  ]],
  ["a backspace takes a character back", [stream("|\b"), stream("/\b-\b done\n")], [
    written(" done\n"),
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
    const cell = new OutputCollector().cell(7);
    messages.forEach((message) => cell.receive(message));
    assert.deepEqual(cell.outputs, expected);
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

Deno.test("a display that was cleared is not updated, nor one that came after", () => {
  const cell = new OutputCollector().cell(1);
  for (const text of ["a", "b"]) {
    cell.receive(display(text, "x"));
    cell.receive(update(text + text, "x"));
    cell.receive(display("c", "x"));
    assert.deepEqual(cell.outputs, [shown(text + text), shown("c")]);
    cell.receive(clear(false));
    cell.receive(update("d", "x"));
    assert.deepEqual(cell.outputs, []);
  }
});

Deno.test("a hundred thousand displays of one id, each cleared or updated after it", () => {
  const count = 100_000;
  const [cleared, updated] = [1, 2].map((number) => new OutputCollector().cell(number));
  for (let index = 0; index < count; index++) {
    cleared.receive(clear(false));
    cleared.receive(display(`${index}`, "x"));
    cleared.receive(update("y", "x"));
    updated.receive(display("a", "x"));
    updated.receive(update("y", "x"));
  }
  assert.deepEqual(cleared.outputs, [shown("y")]);
  assert.deepEqual(new Set(updated.outputs.map((output) => JSON.stringify(output))).size, 1);
});

const odd: [name: string, content: object, output?: Output][] = [
  ["display_data", {}, { output_type: "display_data", data: {}, metadata: {} }],
  ["display_data", { data: { "text/plain": [1] } }],
  ["display_data", { data: 1 }],
  ["stream", { name: "stdout" }, written("")],
  ["stream", { name: "stdin", text: "a" }],
  ["stream", { name: "stdout", text: 1 }],
  ["error", { ename: "E" }, { output_type: "error", ename: "E", evalue: "", traceback: [] }],
  ["error", { traceback: "E" }],
];
for (const [type, content, output] of odd) {
  Deno.test(`a cell may send what is no ${type}: ${JSON.stringify(content)}`, () => {
    const cell = new OutputCollector().cell(1);
    cell.receive(message(type, content));
    assert.deepEqual(cell.outputs, output ? [output] : []);
  });
}

const large: [name: string, messages: Message[], kept: Output[], leftOut: number][] = [
  ["text is cut", [stream("a".repeat(700)), stream("b".repeat(700)), stream("c")], [
    written("a".repeat(700) + "b".repeat(100)),
  ], 601],
  ["a display is whole or not there", [display("d".repeat(900)), stream("a")], [], 1170],
  [
    "an update is whole or not there, and its display stays as it was",
    [display("d", "x"), display("d", "x"), update("e".repeat(300), "x"), update("f", "x")],
    [shown("f"), shown("f")],
    598,
  ],
  [
    "small outputs count for what holds them",
    Array.from({ length: 12 }, (_, index) => stream("a", index % 2 ? "stderr" : "stdout")),
    [
      written("a"),
      written("a", "stderr"),
      written("a"),
      written("a", "stderr"),
    ],
    8,
  ],
  ["what is written over does not count", Array.from({ length: 99 }, () => stream("\rwaiting")), [
    written("waiting"),
  ], 0],
  ["what is cleared does not count", [stream("a".repeat(2000)), clear(true), stream("b")], [
    written("b"),
  ], 0],
];

for (const [name, messages, kept, leftOut] of large) {
  Deno.test(`a cell's outputs are bounded, and say so: ${name}`, () => {
    const cell = new OutputCollector(1000).cell(1);
    messages.forEach((message) => cell.receive(message));
    const note = written(
      `[outputs of a cell are kept up to 1,000 characters: ${
        leftOut.toLocaleString("en")
      } more are left out]\n`,
      "stderr",
    );
    assert.deepEqual(cell.outputs, leftOut > 0 ? [...kept, note] : kept);
  });
}

Deno.test("an error is a cell's last output, though words from before it come later", () => {
  const cell = new OutputCollector().cell(1);
  const error = { ename: "Error", evalue: "bad", traceback: ["Error: bad"] };
  cell.receive(stream("a"));
  cell.receive(message("error", error));
  cell.receive(stream("b"));
  assert.deepEqual(cell.outputs, [written("ab"), { output_type: "error", ...error }]);
});

Deno.test("an error is kept however much came before it", () => {
  const cell = new OutputCollector(1000).cell(1);
  cell.receive(stream("a".repeat(5000)));
  const long = "x".repeat(5000);
  const traceback = Array.from({ length: 50 }, () => long);
  cell.receive(message("error", { ename: "Error", evalue: long, traceback }));
  assert.ok(JSON.stringify(cell.outputs).length < 25_000);
  assert.deepEqual(cell.outputs.map(({ output_type }) => output_type), [
    "stream",
    "stream",
    "error",
  ]);
});
