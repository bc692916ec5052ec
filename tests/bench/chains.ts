/**
 * Seconds of one product from chains of them: a long chain's less a short one's. What it costs to submit,
 * to hear of completion and to read a result is in both, and is in the difference no more.
 */

/** A chain of products that is ready to run. */
export interface Chain {
  /** From the command to its completion. */
  run(): Promise<unknown>;
  release(): unknown;
}

/** Makes ready a chain of so many products, each of the result of the one before. */
export type MakeChain = (length: number) => Promise<Chain>;

/** How long chains are. */
export interface ChainOptions {
  readonly turns: number;
  /** Seconds that a long chain takes more than a short one, at least. */
  readonly enough?: number;
  /** Products of a long chain at most. */
  readonly most?: number;
  /** The clock, in milliseconds; default: this process's. */
  readonly now?: () => number;
}

/** Products of the short chain, and of the first long one that is tried. */
const [SHORT, FIRST] = [1, 3];
const GROWTH = 4;

/** Seconds of one product in each of several turns, one list for each of `makes`. */
export async function timeChains(
  makes: readonly MakeChain[],
  options: ChainOptions,
): Promise<number[][]> {
  const { turns } = options;
  const sides: Side[] = [];
  try {
    for (const make of makes) sides.push(await Side.open(make, options));
    const seconds: number[][] = sides.map(() => []);
    for (let turn = 0; turn < turns; turn++) {
      for (const [index, side] of sides.entries()) seconds[index].push(await side.secondsOfOne());
    }
    return seconds;
  } finally {
    for (const side of sides) await side.release();
  }
}

/** A short and a long chain of one program. */
class Side {
  private constructor(
    readonly short: Chain,
    readonly long: Chain,
    readonly difference: number,
    readonly now: () => number,
  ) {}

  static async open(
    make: MakeChain,
    { enough = 0.1, most = 768, now = () => performance.now() }: ChainOptions,
  ): Promise<Side> {
    const short = await make(SHORT);
    await short.run();
    for (let length = Math.min(FIRST, most);; length = Math.min(most, GROWTH * length)) {
      const side = new Side(short, await make(length), length - SHORT, now);
      // The first run compiles.
      await side.long.run();
      if (length === most || await side.secondsOfOne() * side.difference >= enough) return side;
      await side.long.release();
    }
  }

  async secondsOfOne(): Promise<number> {
    const [short, long] = [await this.#elapsed(this.short), await this.#elapsed(this.long)];
    return (long - short) / this.difference;
  }

  async #elapsed(chain: Chain): Promise<number> {
    const started = this.now();
    await chain.run();
    return (this.now() - started) / 1000;
  }

  async release(): Promise<void> {
    await this.short.release();
    await this.long.release();
  }
}
