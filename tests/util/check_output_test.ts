import assert from "node:assert/strict";
import { join } from "node:path";
import { checkOutput, checkOutputs } from "../../lib/util/check_output.ts";
import { OptionError, OutputError } from "../../lib/util/errors.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

Deno.test("a path that can be written passes and is not touched", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.txt");
  await Deno.writeTextFile(path, "old");
  await checkOutput(path);
  await checkOutput(join(folder.path, "new.txt"));
  await checkOutput(join(folder.path, "new", "and", "deep.txt"));
  assert.deepEqual(filesIn(folder.path), ["old.txt"]);
  assert.equal(await Deno.readTextFile(path), "old");
});

Deno.test("a folder and a place below a file are refused", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(checkOutput(folder.path), (error) => {
    assert.ok(error instanceof OutputError);
    return error.message === `file '${folder.path}': is a folder; expected the name of a file`;
  });
  const below = join(file, "below");
  await assert.rejects(checkOutput(below), (error) => {
    assert.ok(error instanceof OutputError);
    return error.fault.file === below && error.fault.problem === "cannot be written";
  });
  assert.deepEqual(filesIn(folder.path), ["file"]);
});

/** A folder with a model and a text that are read, and links to them. */
async function withInputs() {
  const folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  await Deno.mkdir(at("model"));
  for (const name of ["model/weights", "model/tokenizer.json", "text", "other"]) {
    await Deno.writeTextFile(at(name), name);
  }
  await Deno.symlink("model", at("link to model"));
  await Deno.symlink("model/weights", at("link to weights"));
  await Deno.symlink("link to weights", at("link to link"));
  await Deno.link(at("model/weights"), at("second name"));
  await Deno.link(at("text"), at("second name of text"));
  await Deno.mkdir(at("blobs"));
  await Deno.writeTextFile(at("blobs/3a7f"), "of a cache");
  await Deno.symlink("../blobs/3a7f", at("model/shard"));
  await Deno.mkdir(at("with a link"));
  await Deno.link(at("text"), at("with a link/figure.svg"));
  const inputs = [{ option: "--fine", path: at("model") }, { option: "--text", path: at("text") }];
  return { at, inputs, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const replacing = [
  { path: "model/weights", by: "would replace what --fine reads" },
  { path: "model/../model/./tokenizer.json", by: "would replace what --fine reads" },
  { path: "link to weights", by: "would replace what --fine reads" },
  { path: "link to link", by: "would replace what --fine reads" },
  { path: "second name", by: "would replace what --fine reads" },
  { path: "blobs/3a7f", by: "would replace what --fine reads" },
  { path: "link to model/tokenizer.json", by: "would replace what --fine reads" },
  { path: "link to model/new", by: "lies in the folder that --fine reads" },
  { path: "model/new", by: "lies in the folder that --fine reads" },
  { path: "text", by: "would replace what --text reads" },
  { path: "second name of text", by: "would replace what --text reads" },
];

for (const { path, by } of replacing) {
  Deno.test(`'${path}' is refused: it ${by}`, async () => {
    await using files = await withInputs();
    const output = { option: "--out", path: files.at(path) };
    await assert.rejects(checkOutputs([output], files.inputs), (error) => {
      assert.ok(error instanceof OptionError);
      assert.equal(error.fault.problem, by);
      assert.deepEqual([error.fault.option, error.fault.value], ["--out", output.path]);
      return true;
    });
  });
}

for (
  const [path, by] of [
    ["model", "would replace what --fine reads"],
    ["link to model", "would replace what --fine reads"],
    ["with a link", "is a folder that holds what --text reads"],
  ]
) {
  Deno.test(`the folder '${path}' is refused as one to write into`, async () => {
    await using files = await withInputs();
    const output = { option: "--out", path: files.at(path), kind: "folder" as const };
    await assert.rejects(checkOutputs([output], files.inputs), (error) => {
      assert.ok(error instanceof OptionError);
      assert.equal(error.fault.problem, by);
      return true;
    });
  });
}

Deno.test("places apart from what is read pass, be they there or not, and none is touched", async () => {
  await using files = await withInputs();
  const file = (name: string) => ({ option: "--out", path: files.at(name) });
  const folder = (name: string) => ({ ...file(name), kind: "folder" as const });
  await checkOutputs([file("other"), file("new"), file("new folder/new")], files.inputs);
  await checkOutputs(
    [file("model/deeper/new"), folder("new folder")],
    files.inputs,
  );
  await checkOutputs([file("new")], [{ option: "--base", path: files.at("nowhere") }]);
  assert.deepEqual(filesIn(files.at("model")), ["shard", "tokenizer.json", "weights"]);
  assert.equal(await Deno.readTextFile(files.at("other")), "other");
});

Deno.test("two outputs are no one file, and a file lies in no folder that is written", async () => {
  await using files = await withInputs();
  await Deno.symlink("other", files.at("link to other"));
  const pairs = [["other", "link to other"], ["new", "./new"]];
  for (const [first, second] of pairs) {
    const outputs = [
      { option: "--out", path: files.at(first) },
      { option: "--json", path: files.at(second) },
    ];
    await assert.rejects(checkOutputs(outputs, []), /'--json': would replace what --out writes/);
  }
  const outputs = [
    { option: "--out", path: files.at("new/file") },
    { option: "--save", path: files.at("new"), kind: "folder" as const },
  ];
  await assert.rejects(checkOutputs(outputs, []), /'--out': lies in the folder that --save writes/);
});

Deno.test("a device, and a file in the place of a folder, are refused", async () => {
  await using files = await withInputs();
  await assert.rejects(
    checkOutput("/dev/null"),
    /is a device or pipe; expected the name of a file/,
  );
  const output = { option: "--out", path: files.at("other"), kind: "folder" as const };
  await assert.rejects(checkOutputs([output], []), /is a file; expected the name of a folder/);
});

Deno.test("a disk without space is found before the work", async () => {
  await using folder = await temporaryFolder();
  const { write } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.write = () =>
    Promise.reject(Object.assign(new Error("No space left on device"), { code: "ENOSPC" }));
  try {
    await assert.rejects(checkOutput(join(folder.path, "x")), /no space is left on the disk/);
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  assert.deepEqual(filesIn(folder.path), []);
});
