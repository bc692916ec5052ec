/**
 * What tasks are measured with: an engine, texts, and one pair at a time. Hashes are kept when a pair is
 * closed, so that looking for what was measured before opens each pair once.
 */

import type { Engine } from "../graph/engine.ts";
import { canonical, sha256 } from "../util/canonical.ts";
import { Once } from "../util/once.ts";
import type { Watch } from "../util/progress.ts";
import { BenchTexts, type TextOptions } from "./bench_texts.ts";
import { circumstancesHere } from "./machine.ts";
import type { Circumstances } from "./measurement_schema.ts";
import { type BenchPair, OpenPair } from "./open_pair.ts";

/** Hashes of both checkpoints, and of the tokenizer that makes tokens of every text. */
export interface BenchHashes {
  /** Of the base's weights and configuration. */
  readonly base: string;
  /** Of the fine-tune's. */
  readonly fine: string;
  /** Of the tokenizer's files. */
  readonly tokenizer: string;
}

/** Opens pairs, one at a time. Dispose of it to close the last. */
export class Workbench implements AsyncDisposable {
  readonly #hashes = new Once();
  #opened: OpenPair | undefined;
  /** Runs the graphs. */
  readonly engine: Engine;
  /** The texts of all pairs. */
  readonly texts: BenchTexts;
  /** What the times hold for that are asked for. */
  readonly circumstances: Circumstances;

  /**
   * @param circumstances default: this machine, and the engine as it is.
   * @param watch is told of models that are fetched from the Hub.
   */
  constructor(
    engine: Engine,
    options: TextOptions,
    circumstances = circumstancesHere(engine),
    private readonly watch: Watch = {},
  ) {
    this.engine = engine;
    this.texts = new BenchTexts(options);
    this.circumstances = circumstances;
  }

  /**
   * A pair, opened; the one that was open before is closed.
   *
   * @throws as {@linkcode OpenPair.open}.
   */
  async open(spec: BenchPair): Promise<OpenPair> {
    if (this.#opened?.spec === spec) return this.#opened;
    await this[Symbol.asyncDispose]();
    return this.#opened = await OpenPair.open(spec, this.engine, this.texts, this.watch);
  }

  /** Hashes of a pair. */
  hashes(spec: BenchPair): Promise<BenchHashes> {
    return this.#hashes.make(spec.name, async () => {
      const { base, fine } = await this.open(spec);
      const { definition, settings } = await fine.tokenizerPlace(base);
      const files = [definition, settings].map((path) => Deno.readTextFile(path));
      const tokenizer = sha256(canonical(await Promise.all(files)));
      return { base: await base.hash(), fine: await fine.hash(), tokenizer };
    });
  }

  /** Closes the pair that is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.[Symbol.asyncDispose]();
  }
}
