/** What tenants of one batch have in common: what a fine-tune may say otherwise than its base, and what not. */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import { differingSetting } from "../../checkpoint/config_changes.ts";
import { ServingError } from "../../util/errors.ts";

/**
 * Checks that a tenant's rows can run beside the base's. Its own are rotary positions, biases, and its vocabulary and
 * head; shared are ε of norms and the windows of attention.
 *
 * @throws {ServingError} that names the field, as a `config.json` has it, and both values.
 */
export function requireShared(tenant: string, config: DecoderConfig, base: DecoderConfig): void {
  const { normEpsilon, slidingWindow, slidingLayers } = config;
  const { slidingLayers: _, ...others } = base;
  const shared = { ...others, normEpsilon, slidingWindow };
  const differing = differingSetting(slidingLayers ? { ...shared, slidingLayers } : shared, base);
  if (!differing) return;
  const problem = `'${tenant}' differs from its base in what all sequences of a batch share`;
  throw new ServingError({ problem, ...differing });
}
