/** A fine-tune without a tokenizer, or without half of one, beside a base that has it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { lentFiles, tokenizerPlace } from "../../lib/checkpoint/tokenizer_place.ts";
import { TokenizerError } from "../../lib/util/errors.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { engine } from "../methods/oracle_pair.ts";
import { runTask } from "../scripts/run_script.ts";
import { inFolder, type TokenizedPair, tokenizedPair } from "../scripts/tokenized_pair.ts";

const FILES = ["tokenizer.json", "tokenizer_config.json"];

async function without(pair: TokenizedPair, names: readonly string[]): Promise<void> {
  for (const name of names) await Deno.remove(join(pair.fine, name));
}

for (const names of [[FILES[0]], [FILES[1]], FILES]) {
  Deno.test(`a fine-tune without ${names.join(" and ")} reads as its base does`, async () => {
    await using files = await tokenizedPair();
    await without(files, names);
    await using pair = await Pair.open(files.base, files.fine, { engine });
    const own = await pair.base.tokenizer();
    const sentence = "the cat sat on the mat";
    assert.deepEqual(await (await pair.tokenizer()).encode(sentence), await own.encode(sentence));
    assert.equal((await pair.tokenizer()).eosToken, own.eosToken);
    const place = await tokenizerPlace(files.fine, files.base);
    assert.equal(lentFiles(place, files.fine), `${names.join(" and ")} of base`);
    await assert.rejects(pair.fine.tokenizer(), (error) => {
      assert.ok(error instanceof TokenizerError);
      assert.ok(error.message.includes(join(files.fine, names[0])), error.message);
      return true;
    });
  });
}

Deno.test("a fine-tune's own tokenizer counts where it has one", async () => {
  await using files = await tokenizedPair();
  const place = await tokenizerPlace(files.fine, files.base);
  assert.equal(place.definition, join(files.fine, "tokenizer.json"));
  assert.equal(lentFiles(place, files.fine), null);
});

Deno.test("a tokenizer that neither has is missed in the fine-tune", async () => {
  await using files = await tokenizedPair();
  await without(files, FILES);
  await Deno.remove(join(files.base, FILES[0]));
  await using pair = await Pair.open(files.base, files.fine);
  await assert.rejects(pair.tokenizer(), (error) => {
    assert.ok(error instanceof TokenizerError);
    assert.ok(error.message.includes(join(files.fine, FILES[0])), error.message);
    return true;
  });
});

Deno.test("a folder with SentencePiece's model alone is told to need another, or a base that has one", async () => {
  await using files = await tokenizedPair();
  await Deno.rename(join(files.fine, FILES[0]), join(files.fine, "tokenizer.model"));
  using base = await Checkpoint.open(files.base);
  using fine = await Checkpoint.open(files.fine);
  await assert.rejects(fine.tokenizer(), (error) => {
    assert.ok(error instanceof TokenizerError);
    assert.match(error.message, /tokenizer\.json': cannot be read: .*no such file.*base's folder/);
    assert.match(
      error.message,
      /; tokenizer\.model beside it is SentencePiece's, which is not read$/,
    );
    return true;
  });
  const sentence = "the cat sat on the mat";
  const lent = await (await fine.tokenizer(base)).encode(sentence);
  assert.deepEqual(lent, await (await base.tokenizer()).encode(sentence));
});

Deno.test("where there is no tokenizer_config.json, the map of special tokens says what ends a text", async () => {
  await using files = await tokenizedPair();
  using base = await Checkpoint.open(files.base);
  const whole = await base.tokenizer();
  const path = join(files.base, FILES[1]);
  const { bos_token, eos_token } = JSON.parse(await Deno.readTextFile(path));
  await Deno.remove(path);
  await assert.rejects(
    base.tokenizer(),
    /tokenizer_config\.json': .*it or special_tokens_map\.json/,
  );
  const map = join(files.base, "special_tokens_map.json");
  const described = { content: eos_token, lstrip: false, normalized: false, rstrip: false };
  await Deno.writeTextFile(map, JSON.stringify({ bos_token, eos_token: described }));
  assert.equal((await base.tokenizerPlace()).settings, map);
  const tokenizer = await base.tokenizer();
  assert.deepEqual(
    [tokenizer.bosToken, tokenizer.eosToken],
    [whole.bosToken, whole.eosToken],
  );
  assert.deepEqual(await tokenizer.encode("the cat"), await whole.encode("the cat"));
  // Another's tokenizer_config.json says more than this.
  const { settings } = await tokenizerPlace(files.base, files.fine);
  assert.equal(settings, join(files.fine, FILES[1]));
});

Deno.test("a pipe in the place of a tokenizer is refused, not waited for, and nothing is lent for it", async () => {
  for (const name of FILES) {
    await using files = await tokenizedPair();
    await without(files, [name]);
    await new Deno.Command("mkfifo", { args: [join(files.fine, name)] }).output();
    using base = await Checkpoint.open(files.base);
    using fine = await Checkpoint.open(files.fine);
    await assert.rejects(fine.tokenizer(base), (error) => {
      assert.ok(error instanceof TokenizerError);
      assert.ok(error.message.includes(`${name}': cannot be read: got 'it is a pipe'`));
      return true;
    });
  }
});

Deno.test("scripts say whose tokenizer they took", async () => {
  await using pair = await tokenizedPair();
  await without(pair, [FILES[0]]);
  const { base, fine, text, rows } = pair;
  const json = inFolder(pair, "scores.json");
  const windows = ["--context", "16", "--window", "16"];
  const evaluated = await runTask("evaluate", [
    ...["--base", base, "--fine", fine, "--text", text, "--json", json],
    ...windows,
  ]);
  assert.equal(evaluated.code, 0, evaluated.error);
  assert.match(evaluated.out, /lacks a file of its tokenizer: tokenizer\.json of base is taken/);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(json)).tokenizer, {
    definition: join(base, FILES[0]),
    settings: join(fine, FILES[1]),
  });
  const compared = await runTask("compare", [
    ...["--base", base, "--fine", fine, "--text", text, "--methods", "initial"],
    ...["--out", inFolder(pair, "comparison"), ...windows],
  ]);
  assert.equal(compared.code, 0, compared.error);
  assert.match(compared.out, /lacks a file of its tokenizer: tokenizer\.json of base is taken/);
  const method = ["--method", "activation-aware", "--text", rows, "--rows", "40"];
  const saved = inFolder(pair, "saved");
  const compressed = await runTask("compress", [
    ...["--base", base, "--fine", fine, "--out", inFolder(pair, "delta.safetensors")],
    ...["--save-checkpoint", saved],
    ...method,
  ]);
  assert.equal(compressed.code, 0, compressed.error);
  assert.match(compressed.out, /tokenizer +tokenizer\.json of base/);
  using checkpoint = await Checkpoint.open(saved);
  assert.equal((await checkpoint.tokenizer()).vocabularySize, 284);
});
