/** Ids of what a model is asked to go on with. */

import type { Watch } from "../util/progress.ts";
import type { ChatTemplate } from "./chat_template.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/**
 * Ids of a prompt: of a text to go on with, or of what a user says in a conversation.
 *
 * @param template writes the conversation; `null`: the prompt is the text itself.
 * @throws {TokenizerError} if it cannot be encoded.
 * @throws {OptionError} if the template refuses it.
 *
 * @example
 * ```ts
 * import { ChatTemplate, Checkpoint, projectPath, promptTokens } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const tokenizer = await model.tokenizer();
 * const template = await ChatTemplate.parse("<s>{{ messages[0].content }}", "chat_template.jinja");
 * const ids = await promptTokens("One bit", tokenizer, null);
 * assert.equal(ids[0], tokenizer.bosToken);
 * assert.equal((await promptTokens("One bit", tokenizer, template))[0], tokenizer.bosToken);
 * ```
 */
export async function promptTokens(
  prompt: string,
  tokenizer: TextTokenizer,
  template: ChatTemplate | null,
  watch: Watch = {},
): Promise<Int32Array> {
  if (!template) return Int32Array.from(await tokenizer.encode(prompt, watch));
  // A template writes the special tokens that begin a text itself.
  const text = template.render([{ role: "user", content: prompt }]);
  return Int32Array.from(await tokenizer.encodeWithoutSpecial(text, watch));
}
