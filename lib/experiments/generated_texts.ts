/**
 * What a base, its fine-tune and deltas go on with from the same prompts, to be seen side by side. Not here: what a
 * token is chosen by (`model/serving/`), and requests that come and go (`server/`).
 */

import { ChatTemplate } from "../checkpoint/chat_template.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { endTokens, endTokensOf } from "../checkpoint/end_tokens.ts";
import { promptTokens } from "../checkpoint/prompt_tokens.ts";
import type { TextTokenizer } from "../checkpoint/tokenizer.ts";
import { applyToCheckpoint } from "../delta/apply.ts";
import type { Delta } from "../delta/delta.ts";
import type { Engine } from "../graph/engine.ts";
import type { GenerationRequest } from "../model/serving/generate.ts";
import { generateAll, type GeneratedText } from "../model/serving/generate_all.ts";
import { completeSampling, type Sampling } from "../model/serving/sampling_settings.ts";
import { TenantModel } from "../model/serving/tenant_model.ts";
import { OptionError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";

/** One of the models of a pair. */
export type PairModel = "base" | "fine" | Delta;

/** How texts are gone on with. */
export interface PairGenerateOptions extends Partial<Sampling>, Watch {
  /** Which models go on, by the names that the result has; default: the fine-tune, as `fine`. */
  readonly models?: Readonly<Record<string, PairModel>>;
  /** Most tokens of each; default: 64. */
  readonly mostTokens?: number;
  /** Strings that end a text, beside the model's own end tokens; default: none. */
  readonly stop?: readonly string[];
  /** Whether prompts are what a user says, in the fine-tune's chat template; default: they are text to go on with. */
  readonly chat?: boolean;
}

/** What one model went on with. */
export interface PairText extends GeneratedText {
  /** Its name. */
  readonly model: string;
  /** What was gone on from. */
  readonly prompt: string;
}

/** What makes tokens of prompts and text of tokens. */
export interface PairPrompts {
  readonly tokenizer: TextTokenizer;
  /** Of the fine-tune, else of its base; `null`: neither has one. */
  readonly template: ChatTemplate | null;
}

const MOST_TOKENS = 64;

/** The chat template of a fine-tune, else that of its base. */
export async function pairTemplate(
  base: Checkpoint,
  fine: Checkpoint,
): Promise<ChatTemplate | null> {
  return await ChatTemplate.open(fine.directory) ?? await ChatTemplate.open(base.directory);
}

/**
 * As `Pair.generate`.
 *
 * @throws as {@linkcode generateAll}.
 */
export async function generatedTexts(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { tokenizer, template }: PairPrompts,
  prompts: readonly string[],
  options: PairGenerateOptions,
): Promise<PairText[]> {
  const { models = { fine: "fine" }, mostTokens = MOST_TOKENS, stop = [], chat = false } = options;
  const { onProgress, signal, models: _m, mostTokens: _t, stop: _s, chat: _c, ...given } = options;
  if (chat && !template) throw noTemplate(fine);
  if (prompts.length === 0) return [];
  const ids = await Promise.all(
    prompts.map((prompt) => promptTokens(prompt, tokenizer, chat ? template : null, { signal })),
  );
  const longest = Math.max(...ids.map(({ length }) => length)) + mostTokens;
  const named = Object.entries(models);
  const texts = new Map<string, GeneratedText[]>();
  /** Runs those models that a base serves. */
  const run = async (of: Checkpoint, served: readonly (readonly [string, Delta | null])[]) => {
    if (served.length === 0) return;
    const sizes = { longest, cacheTokens: longest * served.length * ids.length };
    await using host = await TenantModel.open(engine, of, { ...sizes, onProgress, signal });
    const requests: GenerationRequest[] = [];
    for (const [name, delta] of served) {
      const { config } = delta ? await applyToCheckpoint(of, delta) : of;
      const ends = delta ? endTokensOf(config) : (await endTokens(of)).ids;
      if (delta) await host.load(name, delta, { signal });
      const sampling = completeSampling(given, config.vocabularySize);
      requests.push(...ids.map((prompt): GenerationRequest => ({
        tenant: delta && name,
        prompt,
        sampling,
        stops: { strings: stop, tokens: ends },
        mostTokens,
        decoder: tokenizer.decoder,
        signal,
      })));
    }
    const generated = await generateAll(host, requests);
    for (const [index, [name]] of served.entries()) {
      texts.set(name, generated.slice(index * ids.length, (index + 1) * ids.length));
    }
  };
  const ofBase = named.flatMap(([name, model]) =>
    model === "fine" ? [] : [[name, model === "base" ? null : model] as const]
  );
  await run(base, ofBase);
  await run(
    fine,
    named.flatMap(([name, model]) => model === "fine" ? [[name, null] as const] : []),
  );
  return prompts.flatMap((prompt, at) =>
    named.map(([model]) => ({ model, prompt, ...texts.get(model)![at] }))
  );
}

function noTemplate({ name }: Checkpoint): OptionError {
  return new OptionError({
    problem: `neither '${name}' nor its base has a chat template`,
    option: "chat",
    value: true,
    expected: "prompts that are text to go on with",
  });
}
