/** Bytes that come in any pieces, and the lines in them. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { openText, textLines, type TextPlace } from "../../lib/texts/text_source.ts";
import { HubError, TextError } from "../../lib/util/errors.ts";

const encoder = new TextEncoder();

/** A place whose bytes come in pieces of the given sizes, in turn, and then perhaps an error. */
function place(bytes: Uint8Array, sizes: readonly number[], error?: Error) {
  const state = { pulled: 0, isCancelled: false };
  let turn = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (state.pulled >= bytes.length) {
        return error ? controller.error(error) : controller.close();
      }
      const piece = bytes.slice(state.pulled, state.pulled + sizes[turn++ % sizes.length]);
      state.pulled += piece.length;
      controller.enqueue(piece);
    },
    cancel: () => void (state.isCancelled = true),
  }, { highWaterMark: 0 });
  const open = () => Promise.resolve(stream);
  const text: TextPlace = { file: "piped", name: "piped", path: null, open };
  return { ...{ text, state } };
}

async function linesOf(text: TextPlace): Promise<string[]> {
  await using opened = await openText(text);
  return await Array.fromAsync(textLines(opened.bytes, "piped", false));
}

Deno.test("lines are the same in whatever pieces a text comes, packed or not", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });
  const piece = fc.oneof(
    fc.constantFrom("\r", "\n", "\r\n", "\n\r", "", "é", "漢", "😀", "\u2028"),
    fc.string({ unit: "grapheme", maxLength: 5 }),
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => `a${pieces.join("")}`);
  await fc.assert(fc.asyncProperty(text, sizes, fc.boolean(), async (text, sizes, isPacked) => {
    const plain = encoder.encode(text);
    const bytes = isPacked ? new Uint8Array(gzipSync(plain)) : plain;
    const lines = await linesOf(place(bytes, sizes).text);
    assert.deepEqual(lines, text.replace(/\r\n?/g, "\n").match(/[^\n]*\n|[^\n]+$/g) ?? []);
  }));
});

Deno.test("what is not read is not asked for, and its source is told", async () => {
  const packed = new Uint8Array(gzipSync(encoder.encode("a line\n".repeat(200_000)), { level: 0 }));
  for (const bytes of [encoder.encode("a line\n".repeat(200_000)), packed]) {
    const { text, state } = place(bytes, [1000]);
    {
      await using opened = await openText(text);
      for await (const line of textLines(opened.bytes, "piped", true)) {
        assert.equal(line, "a line\n");
        break;
      }
    }
    assert.ok(state.isCancelled);
    assert.ok(state.pulled < bytes.length / 4, `${state.pulled} of ${bytes.length}`);
  }
});

Deno.test("a source's own error is thrown as it is, another as one of the text", async () => {
  const packed = new Uint8Array(gzipSync(encoder.encode("a line\n".repeat(20_000)), { level: 0 }));
  const refused = new HubError({ problem: "cut", expected: "a network" });
  for (const bytes of [encoder.encode("a line"), packed.slice(0, 9000)]) {
    await assert.rejects(linesOf(place(bytes, [1000], refused).text), (error) => error === refused);
    await assert.rejects(linesOf(place(bytes, [1000], new Error("gone")).text), (error) => {
      assert.ok(error instanceof TextError);
      assert.match(error.message, /'piped': cannot be read: got 'gone'/);
      return true;
    });
  }
});

Deno.test("a row of megabytes is one row", async () => {
  const long = "é".repeat(2_000_000);
  const lines = await linesOf(place(encoder.encode(`${long}\r\nb`), [65_537]).text);
  assert.deepEqual(lines.map(({ length }) => length), [2_000_001, 1]);
});
