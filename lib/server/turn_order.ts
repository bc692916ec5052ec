/** Which of those that run have their turn: as many as one step takes, each tenant its share. */

import type { ActiveRequest } from "./active_request.ts";
import { COST, type FairShare } from "./fair_share.ts";

/**
 * The requests whose answers go on by a token. If they are more than a step takes, each tenant has one before any has
 * two, and then whoever was served least; of one tenant whoever waited longest.
 */
export function nextRows(
  running: Iterable<ActiveRequest>,
  share: FairShare,
  mostRows: number,
): ActiveRequest[] {
  const ready = [...running].filter((each) => each.isDecoding && each.patience === null);
  if (ready.length <= mostRows) return ready;
  const queues = Map.groupBy(
    ready.sort((one, other) => one.lastRun - other.lastRun || one.arrived - other.arrived),
    ({ tenant }) => tenant,
  );
  const rows: ActiveRequest[] = [];
  const taken = new Map<string | null, number>();
  while (rows.length < mostRows) {
    let next: { tenant: string | null; rank: number } | undefined;
    for (const [tenant, queue] of queues) {
      const count = taken.get(tenant) ?? 0;
      if (count === queue.length) continue;
      // Those with none yet come before all others.
      const rank = count === 0
        ? share.served(tenant) - Number.MAX_SAFE_INTEGER
        : share.served(tenant) + count * COST.answer;
      if (next === undefined || rank < next.rank) next = { tenant, rank };
    }
    const { tenant } = next!;
    const count = taken.get(tenant) ?? 0;
    rows.push(queues.get(tenant)![count]);
    taken.set(tenant, count + 1);
  }
  return rows;
}

/**
 * The request whose prompt is run further: of a tenant without an answer in the making, of the one that was served
 * least, the one that came first.
 */
export function nextPrompt(
  running: Iterable<ActiveRequest>,
  share: FairShare,
): ActiveRequest | undefined {
  const all = [...running];
  const answered = new Set(all.filter((each) => each.isDecoding).map(({ tenant }) => tenant));
  const rank = ({ tenant }: ActiveRequest) => answered.has(tenant) ? 1 : 0;
  return all.filter((each) => !each.isDecoding).sort((one, other) =>
    rank(one) - rank(other) || share.served(one.tenant) - share.served(other.tenant) ||
    one.arrived - other.arrived
  )[0];
}
