/** Messages against Web Crypto's HMAC, and ones that were tampered with. */

import assert from "node:assert/strict";
import { KernelError } from "../../lib/notebooks/errors.ts";
import { MessageCodec } from "../../lib/notebooks/messages.ts";

const bytes = (texts: string[]) => texts.map((text) => new TextEncoder().encode(text));

Deno.test("a request is signed with HMAC-SHA256 over its four parts", async () => {
  const { id, frames } = new MessageCodec("secret").encode("execute_request", { code: "é" });
  const [delimiter, signature, ...parts] = frames;
  assert.equal(delimiter, "<IDS|MSG>");
  assert.equal(parts.length, 4);
  assert.deepEqual(JSON.parse(parts[3]), { code: "é" });
  const header = JSON.parse(parts[0]);
  assert.deepEqual([header.msg_id, header.msg_type], [id, "execute_request"]);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(["secret"])[0], algorithm, false, [
    "verify",
  ]);
  const given = Uint8Array.fromHex(signature);
  const signed = bytes([parts.join("")])[0];
  assert.ok(await crypto.subtle.verify("HMAC", key, given, signed));
});

Deno.test("a message is read with frames before and after it", () => {
  const codec = new MessageCodec("secret");
  const { frames } = codec.encode("stream", { name: "stdout", text: "<IDS|MSG>" });
  const message = codec.decode(bytes(["topic", "other", ...frames, "buffer"]));
  assert.deepEqual(message, {
    type: "stream",
    parent: "",
    content: { name: "stdout", text: "<IDS|MSG>" },
  });
});

const { frames } = new MessageCodec("secret").encode("stream", { text: "a" });
const tampered: [name: string, frames: string[], message: RegExp][] = [
  ["another content", [...frames.slice(0, 5), '{"text":"b"}'], /signed with another key/],
  ["another signature", frames.with(1, "00".repeat(32)), /signed with another key: got '0000/],
  ["no signature", frames.with(1, ""), /signed with another key: got ''/],
  ["a signature that is too long", frames.with(1, frames[1] + "00"), /signed with another key/],
  ["a signature that is no number", frames.with(1, "z".repeat(64)), /signed with another key/],
  ["no delimiter", frames.slice(1), /cut short: got '5 frames'/],
  ["no content", frames.slice(0, 5), /cut short/],
];

for (const [name, frames, message] of tampered) {
  Deno.test(`a message with ${name} is refused`, () => {
    assert.throws(() => new MessageCodec("secret").decode(bytes(frames)), (error: Error) => {
      assert.ok(error instanceof KernelError);
      assert.match(error.message, message);
      return true;
    });
  });
}
