import assert from "node:assert/strict";
import { join } from "node:path";
import { ChatTemplate } from "../../lib/checkpoint/chat_template.ts";
import { OptionError, TokenizerError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "./tiny_checkpoint.ts";

/** ChatML, as Qwen's models have it, with what transformers gives a template. */
const CHATML = "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message.role }}\n" +
  "{{ message.content }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Why?" }];
const expected = "<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n" +
  "<|im_start|>assistant\n";

const places: [name: string, files: Record<string, string>][] = [
  ["tokenizer_config.json", {
    "tokenizer_config.json": JSON.stringify({ chat_template: CHATML, bos_token: "<s>" }),
  }],
  ["several of tokenizer_config.json", {
    "tokenizer_config.json": JSON.stringify({
      chat_template: [{ name: "tool_use", template: "no" }, { name: "default", template: CHATML }],
      bos_token: { content: "<s>", lstrip: false },
    }),
  }],
  ["chat_template.json before it", {
    "tokenizer_config.json": JSON.stringify({ chat_template: "no", bos_token: "<s>" }),
    "chat_template.json": JSON.stringify({ chat_template: CHATML }),
  }],
  ["chat_template.jinja before both", {
    "tokenizer_config.json": JSON.stringify({ chat_template: "no", bos_token: "<s>" }),
    "chat_template.json": JSON.stringify({ chat_template: "no" }),
    "chat_template.jinja": CHATML,
  }],
];
for (const [name, files] of places) {
  Deno.test(`a chat template is that of ${name}`, async () => {
    await using folder = await temporaryFolder();
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder.path, name), text);
    }
    assert.equal((await ChatTemplate.open(folder.path))!.render(messages), expected);
  });
}

Deno.test("a folder without a template has none, and what is none is refused", async () => {
  await using folder = await temporaryFolder();
  assert.equal(await ChatTemplate.open(folder.path), null);
  await Deno.writeTextFile(join(folder.path, "chat_template.jinja"), "{% if %}");
  await assert.rejects(ChatTemplate.open(folder.path), (error) => {
    assert.ok(error instanceof TokenizerError);
    assert.match(error.message, /has no chat template that can be read/);
    return true;
  });
});

Deno.test("what a template refuses is told with its own words", async () => {
  const text = "{{ raise_exception('roles must alternate') }}";
  const strict = await ChatTemplate.parse(text, "a.jinja");
  assert.throws(() => strict.render(messages), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, /'messages': .* refuses them: got 'roles must alternate'/);
    return true;
  });
});
