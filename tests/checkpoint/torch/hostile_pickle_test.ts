/** That of a pickle nothing is done but said, and that what else it asks for is named with its place. */

import assert from "node:assert/strict";
import { readPickle } from "../../../lib/checkpoint/torch/pickle.ts";
import { torchScope } from "../../../lib/checkpoint/torch/torch_globals.ts";
import { TorchError } from "../../../lib/util/errors.ts";
import { type Plain, plainPickle } from "./plain_pickle.ts";

/** Opcodes by hand: numbers are bytes, texts their letters. */
function pickle(...parts: (number | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number" ? [part] : [...new TextEncoder().encode(part)]
    ),
  );
}

const PROTO = [0x80, 2];
const SHORT = (text: string) => [0x8c, text.length, text];

const refused: Record<string, [bytes: Uint8Array, message: RegExp]> = {
  "a call of os.system": [
    pickle(...PROTO, "cos\nsystem\n", "X", 2, 0, 0, 0, "ls", 0x85, "R."),
    /'os\.system' at byte 2/,
  ],
  "a function that is named and not called": [
    pickle(...PROTO, "cbuiltins\neval\n."),
    /'builtins\.eval' at byte 2/,
  ],
  "a name from the stack, of protocol 4": [
    pickle(0x80, 4, ...SHORT("posix"), ...SHORT("system"), 0x93, "."),
    /'posix\.system' at byte 17/,
  ],
  "a name of nested parts": [
    pickle(0x80, 4, ...SHORT("torch"), ...SHORT("_utils.os.system"), 0x93, "."),
    /'torch\._utils\.os\.system'/,
  ],
  "what every object has": [
    pickle(...PROTO, "ctorch\nconstructor\n."),
    /'torch\.constructor'/,
  ],
  "a name that JavaScript knows": [pickle(...PROTO, "c__proto__\nx\n."), /'__proto__\.x'/],
  "a name that is no text": [pickle(0x80, 4, "K", 1, "K", 2, 0x93, "."), /'1\.2'/],
  "a name that is a list in a list in a list": [
    pickle(0x80, 4, "]".repeat(50_000), "a".repeat(49_999), "N", 0x93, "."),
    /'….…' at byte 100002/,
  ],
  "a key twice that is a list in a list in a list": [
    pickle(0x80, 4, "}(", "]".repeat(50_000), "a".repeat(49_999), 0x94, "Nh", 0, "Nu."),
    /it sets '…' twice/,
  ],
  "numpy's numbers": [
    pickle(...PROTO, "cnumpy.core.multiarray\nscalar\n."),
    /'numpy\.core\.multiarray\.scalar'/,
  ],
  "a module": [
    pickle(...PROTO, "ctorch.nn.modules.linear\nLinear\n)", 0x81, "}b."),
    /'torch\.nn\.modules\.linear\.Linear' at byte 2/,
  ],
  "an object of a class that is known": [
    pickle(...PROTO, "ccollections\nOrderedDict\n)", 0x81, "."),
    /the opcode NEWOBJ at byte 28/,
  ],
  "an object with named arguments": [
    pickle(0x80, 4, "N)}", 0x92, "."),
    /the opcode NEWOBJ_EX at byte 5/,
  ],
  "an instance of protocol 0": [pickle("(ios\nsystem\n."), /the opcode INST at byte 1/],
  "an object of protocol 1": [pickle("(No."), /the opcode OBJ at byte 2/],
  "an extension of one byte": [pickle(...PROTO, 0x82, 1, "."), /the opcode EXT1 at byte 2/],
  "an extension of two": [pickle(...PROTO, 0x83, 1, 0, "."), /the opcode EXT2/],
  "an extension of four": [pickle(...PROTO, 0x84, 1, 0, 0, 0, "."), /the opcode EXT4/],
  "a persistent id in text": [pickle("Pstorage\n."), /the opcode PERSID at byte 0/],
  "a buffer from elsewhere": [pickle(0x80, 5, 0x97, "."), /the opcode NEXT_BUFFER/],
  "a text of protocol 0": [pickle("S'a'\n."), /the opcode 0x53 at byte 0/],
  "protocol 6": [pickle(0x80, 6, "N."), /protocol 6 at byte 0/],
  "a persistent id of another kind": [
    pickle(...PROTO, "X", 4, 0, 0, 0, "else", 0x85, "Q."),
    /a persistent id that is no storage at byte 12/,
  ],
  "a call of what is no function": [
    pickle(...PROTO, "N)R."),
    /a call of what is no function at byte 4/,
  ],
  "a call without arguments": [
    pickle(...PROTO, "ccollections\nOrderedDict\nNR."),
    /a call of what is no/,
  ],
  "an ordered dictionary of numbers": [
    pickle(...PROTO, "ccollections\nOrderedDict\nK", 1, 0x85, "R."),
    /a call of 'collections\.OrderedDict' that torch does not write/,
  ],
  "a call of a storage's class": [
    pickle(...PROTO, "ctorch\nFloatStorage\nK", 1, 0x85, "R."),
    /a call of 'torch\.FloatStorage'/,
  ],
  "a state for a list": [pickle(...PROTO, "]}b."), /a state for what is no dictionary at byte 4/],
  "a state that is no dictionary": [pickle(...PROTO, "}Nb."), /a state for what is no dictionary/],
  "nothing": [pickle(), /it ends at byte 0/],
  "no end": [pickle(...PROTO, "N"), /it ends at byte 3/],
  "an end with nothing": [pickle(...PROTO, "."), /at byte 2 it takes what is not there/],
  "an end on a mark": [pickle(...PROTO, "(."), /it takes what is not there/],
  "items that begin nowhere": [
    pickle(...PROTO, "]e."),
    /at byte 3 it takes items that begin nowhere/,
  ],
  "items for what is no list": [pickle(...PROTO, "}(Ne."), /adds items to what is no list/],
  "items for what is no set": [pickle(0x80, 4, "](N", 0x90, "."), /adds items to what is no set/],
  "a key without a value": [pickle(...PROTO, "}(Nu."), /sets items of what is no dictionary/],
  "a key twice": [
    pickle(...PROTO, "}(X", 1, 0, 0, 0, "aNX", 1, 0, 0, 0, "aNu."),
    /it sets 'a' twice/,
  ],
  "a memo's entry that is none": [
    pickle(...PROTO, "h", 7, "."),
    /at byte 2 it takes 7 from its memo/,
  ],
  "a memo's entry of four bytes": [
    pickle(...PROTO, "j", 255, 255, 255, 255, "."),
    /takes 4294967295 from/,
  ],
  "a text that is longer than the pickle": [
    pickle(...PROTO, "X", 255, 255, 255, 127, "a."),
    /it ends at byte 9/,
  ],
  "a text of 2⁶³ bytes": [
    pickle(0x80, 4, 0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80, "."),
    /the length 9223372036854775808/,
  ],
  "a text that is no UTF-8": [pickle(...PROTO, "X", 1, 0, 0, 0, 0xff, "."), /texts in UTF-8/],
  "a line without an end": [pickle(...PROTO, "cos"), /the line at byte 3 has no end/],
  "a stack without an end": [
    pickle(...PROTO, "N".repeat(200_000), "."),
    /at byte 100002 its stack grows too high/,
  ],
  "marks without an end": [pickle(...PROTO, "(".repeat(200_000), "."), /its stack grows too high/],
};

for (const [name, [bytes, message]] of Object.entries(refused)) {
  Deno.test(`a pickle is refused: ${name}`, () => {
    assert.throws(() => readPickle(bytes, torchScope, "x.pt"), (error) => {
      assert.ok(error instanceof TorchError, String(error));
      assert.match(error.message, message);
      assert.ok(error.message.startsWith("file 'x.pt': ") && !error.message.includes("\n"));
      return true;
    });
  });
}

/** `_rebuild_tensor_v2` of arguments, the storage among them. */
function rebuilt(change: (given: Plain[], id: Plain[]) => void): Uint8Array {
  const id: Plain[] = ["storage", { global: "torch.FloatStorage" }, "0", "cpu", 4];
  const given: Plain[] = [
    { persistent: { tuple: id } },
    0,
    { tuple: [4] },
    { tuple: [1] },
    false,
    null,
  ];
  change(given, id);
  return plainPickle({ call: "torch._utils._rebuild_tensor_v2", given }, 2);
}

const tensors: Record<string, (given: Plain[], id: Plain[]) => void> = {
  "a negative offset": (given) => void (given[1] = -1),
  "an offset that is no whole number": (given) => void (given[1] = 0.5),
  "a side that is negative": (given) => void (given[2] = { tuple: [-4] }),
  "a stride that is negative": (given) => void (given[3] = { tuple: [-1] }),
  "a stride too few": (given) => void (given[3] = { tuple: [] }),
  "a side of 2⁶³": (given) => void (given[2] = { tuple: [2n ** 62n] }),
  "no storage": (given) => void (given[0] = null),
  "no shape": (given) => void given.splice(2),
  "a storage of no class": (_, id) => void (id[1] = "torch.FloatStorage"),
  "a storage of another class": (_, id) => void (id[1] = { global: "collections.OrderedDict" }),
  "a storage of -1 elements": (_, id) => void (id[4] = -1),
  "a storage of 2⁶² elements": (_, id) => void (id[4] = 2n ** 62n),
  "a storage whose key is a number": (_, id) => void (id[2] = 3),
  "a storage that is a view of another": (_, id) => void id.push({ tuple: ["1", 0, 4] }),
  "a storage of bytes without a type": (_, id) =>
    void (id[1] = { global: "torch.storage.UntypedStorage" }),
};

for (const [name, change] of Object.entries(tensors)) {
  Deno.test(`a tensor is refused: ${name}`, () => {
    const read = () => readPickle(rebuilt(change), torchScope, "x.pt");
    assert.throws(
      read,
      /^TorchError: .*(a persistent id that is no storage|that torch does not write)/,
    );
  });
}

Deno.test("the tensor that these are made of is fine, and old storages that view none", () => {
  readPickle(rebuilt(() => {}), torchScope, "x.pt");
  readPickle(rebuilt((_, id) => void id.push(null)), torchScope, "x.pt");
  // Saved from another device.
  readPickle(rebuilt((_, id) => void (id[3] = "cuda:0")), torchScope, "x.pt");
});

Deno.test("plain data is read as Python wrote it", () => {
  const value: Plain = new Map<string, Plain>([
    ["numbers", [0, 255, 256, 65535, 65536, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, -(2 ** 40), 0.5]],
    ["large", 2n ** 62n],
    ["tuples", { tuple: [null, { tuple: [] }, { tuple: [true, false] }, { tuple: [1, 2, 3, 4] }] }],
    ["text", "naïve ☃ 𝄞"],
    ["again", "text"],
  ]);
  for (const protocol of [2, 3, 4, 5]) {
    const bytes = plainPickle(value, protocol);
    const { value: found, length } = readPickle(bytes, torchScope, "x.pt");
    assert.equal(length, bytes.length);
    assert.deepEqual([...(found as Map<string, unknown>)], [
      ["numbers", [
        0,
        255,
        256,
        65535,
        65536,
        -1,
        2 ** 31 - 1,
        -(2 ** 31),
        2 ** 40,
        -(2 ** 40),
        0.5,
      ]],
      ["large", 2n ** 62n],
      ["tuples", [null, [], [true, false], [1, 2, 3, 4]]],
      ["text", "naïve ☃ 𝄞"],
      ["again", "text"],
    ]);
  }
});
