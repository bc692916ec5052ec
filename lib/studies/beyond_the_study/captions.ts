/** What stands below the figures: what is drawn, of what, and how sure. */

import type { Paid } from "./figures/trade_offs.ts";
import type { BeyondProtocol } from "./protocol.ts";

/**
 * Of the frontier, or of the price.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, tradeOffCaption } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseBeyondProtocol({ profile: "full" });
 * assert.match(tradeOffCaption("seconds", protocol), /price.*4096 tokens/);
 * ```
 */
export function tradeOffCaption(paid: Paid, protocol: BeyondProtocol): string {
  const what = paid === "bytes"
    ? "The frontier: bytes of the whole delta, embeddings and head included, for each weight of the model, against"
    : "The price: seconds of making the delta (medians over seeds), against";
  return `${what} KL from the fine-tune, the mean of general text and that of the fine-tune's domain. Left and low is ` +
    `better. ${calibrated(protocol)} Intervals stand in the rows beside the figure.` +
    (paid === "bytes" ? " Lines join one method's settings." : "");
}

/**
 * Of the crossover.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, crossoverCaption } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(crossoverCaption(chooseBeyondProtocol({ profile: "full" })), /0\.1, 0\.25/);
 * ```
 */
export function crossoverCaption(protocol: BeyondProtocol): string {
  return "The crossover: KL from fine-tunes with a share of one delta, W + t·Δ in every tensor, for t of " +
    `${
      protocol.crossover?.shares.join(", ")
    }, against their strength. What compresses the delta follows its size; ` +
    `what quantises the whole fine-tune does not. Seed ${
      protocol.seeds[0]
    }; bars: 95 % intervals over documents.`;
}

function calibrated({ size, seeds }: BeyondProtocol): string {
  const counts = seeds.length === 1 ? "one seed" : `means over up to ${seeds.length} seeds`;
  return `Calibrated with ${size} tokens of general text where a method says how many it reads; ${counts}.`;
}
