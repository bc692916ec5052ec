/**
 * Messages of Jupyter's protocol 5.3 as frames of bytes, signed with HMAC-SHA256. Not the sockets that
 * carry them.
 *
 * Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html, "The Wire Protocol".
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { KernelError } from "./errors.ts";
import type { JsonObject } from "./notebook.ts";

const DELIMITER = "<IDS|MSG>";
const decoder = new TextDecoder();

/** A message as it arrives. */
export interface Message {
  /** What it is: `"execute_reply"`, `"stream"`, `"status"` … */
  type: string;
  /** Id of the request that it belongs to; `""` if to none. */
  parent: string;
  content: JsonObject;
}

/** Writes and reads the messages of one session with one kernel. */
export class MessageCodec {
  readonly #key: string;
  readonly #session = crypto.randomUUID();

  /** @param key the secret that kernel and client share, from the connection file. */
  constructor(key: string) {
    this.#key = key;
  }

  /** A request's frames, and its id, which the answers name as their parent. */
  encode(type: string, content: JsonObject): { id: string; frames: string[] } {
    const id = crypto.randomUUID();
    const header = {
      msg_id: id,
      session: this.#session,
      username: "",
      date: new Date().toISOString(),
      msg_type: type,
      version: "5.3",
    };
    const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
    return { id, frames: [DELIMITER, this.#sign(parts), ...parts] };
  }

  /**
   * Reads a message. Frames before the delimiter (routing) and after the content (buffers) are left out.
   *
   * @throws {KernelError} if the frames are not a message or its signature is not of this key.
   */
  decode(frames: Uint8Array[]): Message {
    const start = frames.findIndex((frame) => decoder.decode(frame) === DELIMITER) + 1;
    const parts = frames.slice(start + 1, start + 5);
    if (start === 0 || parts.length < 4) throw fault("is cut short", `${frames.length} frames`);
    const expected = new TextEncoder().encode(this.#sign(parts));
    const given = frames[start];
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw fault("is signed with another key", decoder.decode(given));
    }
    const [header, parent, , content] = parts.map((part) => decoder.decode(part));
    return {
      type: JSON.parse(header).msg_type,
      parent: JSON.parse(parent).msg_id ?? "",
      content: JSON.parse(content),
    };
  }

  #sign(parts: (string | Uint8Array)[]): string {
    const hmac = createHmac("sha256", this.#key);
    for (const part of parts) hmac.update(part);
    return hmac.digest("hex");
  }
}

function fault(problem: string, value: string): KernelError {
  return new KernelError({
    problem: `a message of the kernel ${problem}`,
    value,
    expected: "Jupyter's protocol 5.3, signed with the key of the connection file",
  });
}
