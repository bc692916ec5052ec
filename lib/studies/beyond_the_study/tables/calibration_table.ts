/** What calibration text does to the key methods: how much of it, and of which kind. */

import type { Cell, Table } from "../../../tables/table.ts";
import { mixes } from "../pair_texts.ts";
import type { BeyondModelResult, BeyondStudyResults } from "../results.ts";
import { levelOf, textsOf } from "../wins.ts";

/** A row a model of a pair that is measured at several sizes or texts, with each of them. */
export function calibrationTable(results: BeyondStudyResults): Table {
  const { models } = results;
  const isVaried = (label: string, pair: string) =>
    models.some((each) => each.label === label && each.pair.name === pair && !each.isCentral);
  const all = models.filter(({ label, pair }) => isVaried(label, pair.name));
  const groups = [...Map.groupBy(all, ({ label, pair }) => `${pair.name} ${label}`).values()];
  const order = ({ mix, size }: BeyondModelResult) => [mixes.indexOf(mix), size ?? 0] as const;
  const varied = groups.flatMap((group) =>
    group.toSorted((a, b) => {
      const [[mix, size], [otherMix, otherSize]] = [order(a), order(b)];
      return mix - otherMix || size - otherSize;
    })
  );
  const rows = varied.map((model): Cell[] => {
    const { general, own } = textsOf(model, results);
    return [
      model.pair.name,
      model.label,
      model.size,
      model.mix,
      model.deltas.length,
      levelOf(model, general, "kl", results),
      own.length === 0 ? null : levelOf(model, own, "kl", results),
    ];
  });
  return {
    title: "Calibration text of other sizes and kinds",
    note: "KL (nats a token) as means over seeds, [95 % interval over documents and seeds].",
    columns: [
      { name: "Pair" },
      { name: "Model" },
      { name: "Tokens", digits: 0 },
      { name: "Text" },
      { name: "Seeds", digits: 0 },
      { name: "KL, general", significant: 3 },
      { name: "KL, own domain", significant: 3 },
    ],
    rows,
  };
}
