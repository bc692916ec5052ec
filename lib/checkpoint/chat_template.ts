/**
 * Messages of a conversation as one text, by the chat template that comes with a model, as transformers has it. Not
 * here: which messages an API takes, and their ids.
 */

import type { Template } from "@huggingface/jinja";
import { join } from "node:path";
import * as v from "valibot";
import { OptionError, TokenizerError } from "../util/errors.ts";
import { readJsonFile } from "../util/json_file.ts";
import { readTextAs } from "../util/read_file.ts";
import { isTaken } from "../util/regular_file.ts";

const LIMITS = { mostBytes: 4 << 20, expected: "a chat template in Hugging Face's layout" };
const token = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const named = v.looseObject({ name: v.string(), template: v.string() });
const schema = v.looseObject({
  chat_template: v.nullish(v.union([v.string(), v.array(named)])),
  bos_token: token,
  eos_token: token,
});

/** One message, its text whole. */
export interface ChatMessage {
  /** Who speaks. */
  readonly role: string;
  /** What is said. */
  readonly content: string;
  /** Which one of those in the role, for templates that tell them apart. */
  readonly name?: string;
}

/** Special tokens that templates write. */
export interface TemplateTokens {
  /** Begins a text. */
  readonly bos_token?: string;
  /** Ends a text. */
  readonly eos_token?: string;
}

/**
 * A chat template.
 *
 * @example
 * ```ts
 * import { ChatTemplate } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const text = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}";
 * const template = await ChatTemplate.parse(text, "chat_template.jinja");
 * assert.equal(template.render([{ role: "user", content: "One bit?" }]), "<|user|>One bit?");
 * ```
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokens: TemplateTokens;

  private constructor(template: Template, tokens: TemplateTokens) {
    this.#template = template;
    this.#tokens = tokens;
  }

  /**
   * A template by its text.
   *
   * @param file name for errors.
   * @throws {TokenizerError} if it is none.
   */
  static async parse(
    text: string,
    file: string,
    tokens: TemplateTokens = {},
  ): Promise<ChatTemplate> {
    // Loaded with the first template: most of what is done here needs none.
    const { Template } = await import("@huggingface/jinja");
    try {
      return new ChatTemplate(new Template(text), tokens);
    } catch (cause) {
      const { message: value } = cause as Error;
      const problem = "has no chat template that can be read";
      throw new TokenizerError({ problem, file, value, expected: LIMITS.expected, cause });
    }
  }

  /**
   * The template of a folder: `chat_template.jinja`, or else `chat_template.json`'s, or else that of
   * `tokenizer_config.json`, of several there the one that is named `default`.
   *
   * @returns `null` if it has none.
   * @throws {TokenizerError} if one is there and cannot be read.
   */
  static async open(folder: string): Promise<ChatTemplate | null> {
    const read = async (name: string): Promise<v.InferOutput<typeof schema>> => {
      const file = join(folder, name);
      if (!await isTaken(file)) return {};
      const { json } = await readJsonFile(file, TokenizerError, LIMITS);
      const parsed = v.safeParse(schema, json);
      if (parsed.success) return parsed.output;
      throw new TokenizerError({ problem: "cannot be read", file, expected: LIMITS.expected });
    };
    const settings = await read("tokenizer_config.json");
    const own = join(folder, "chat_template.jinja");
    const text = await isTaken(own)
      ? await readTextAs(own, TokenizerError, LIMITS.expected)
      : textOf((await read("chat_template.json")).chat_template) ??
        textOf(settings.chat_template);
    if (text === undefined) return null;
    const content = (named: v.InferOutput<typeof token>) =>
      typeof named === "string" ? named : named?.content;
    const tokens = {
      bos_token: content(settings.bos_token),
      eos_token: content(settings.eos_token),
    };
    return await ChatTemplate.parse(text, folder, tokens);
  }

  /**
   * The text that a model goes on with, as the assistant. It has the model's own special tokens in it already.
   *
   * @throws {OptionError} if the template refuses the messages, as many do where roles do not alternate.
   */
  render(messages: readonly ChatMessage[]): string {
    const known = Object.entries(this.#tokens).filter(([, text]) => text !== undefined);
    const given = { ...Object.fromEntries(known), messages, add_generation_prompt: true };
    try {
      return this.#template.render(given);
    } catch (cause) {
      throw new OptionError({
        problem: "the model's chat template refuses them",
        option: "messages",
        value: (cause as Error).message,
        expected: "messages in roles and an order that it knows",
        cause,
      });
    }
  }
}

function textOf(
  template: v.InferOutput<typeof schema>["chat_template"],
): string | undefined {
  if (!Array.isArray(template)) return template ?? undefined;
  return template.find(({ name }) => name === "default")?.template;
}
