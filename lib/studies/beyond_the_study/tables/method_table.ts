/** Every model at the size and text where all stand: what it takes, and how near it is to the fine-tune. */

import type { Cell, Table } from "../../../tables/table.ts";
import {
  type BeyondModelResult,
  type BeyondStudyResults,
  centralModels,
  medianOf,
} from "../results.ts";
import { levelOf, textsOf } from "../wins.ts";
import type { Domain } from "../../../texts/domains.ts";

/** A row a model and pair. */
export function methodTable(results: BeyondStudyResults): Table {
  const rows = results.protocol.pairs.flatMap(({ name }) =>
    centralModels(results, name).map((model) => row(model, results))
  );
  return {
    title: "Every method on every pair",
    note:
      `Calibrated with ${results.protocol.size} tokens of general text where it has such a setting. Bits of a ` +
      "weight of the linear layers; bytes of the whole delta for a weight of the model. Medians over seeds; " +
      "KL (nats a token), perplexity and agreement are means over them, with 95 % intervals over documents and seeds.",
    columns: [
      { name: "Pair" },
      { name: "Model" },
      { name: "Bits", digits: 3 },
      { name: "Bytes a weight", digits: 3 },
      { name: "Seconds", digits: 1 },
      { name: "KL, general", significant: 3 },
      { name: "KL, own domain", significant: 3 },
      { name: "Perplexity, general", digits: 2 },
      { name: "Agreement, general (%)", digits: 1 },
      { name: "Signs kept (%)", digits: 1 },
      { name: "Cosine", digits: 3 },
    ],
    rows,
  };
}

function row(model: BeyondModelResult, results: BeyondStudyResults): Cell[] {
  const { general, own } = textsOf(model, results);
  const kl = (domains: readonly Domain[]) =>
    domains.length === 0 ? null : levelOf(model, domains, "kl", results);
  const summaries = model.scores.get(general[0])!;
  const agreement = summaries.reduce((sum, each) => sum + each.agreement!, 0) / summaries.length;
  return [
    model.pair.name,
    model.label,
    medianOf(model, ({ fidelity }) => fidelity.bitsPerWeight),
    medianOf(model, ({ bytes, fidelity }) => bytes / fidelity.parameters),
    medianOf(model, ({ seconds }) => seconds),
    kl(general),
    kl(own),
    levelOf(model, general, "perplexity", results).value,
    100 * agreement,
    100 * medianOf(model, ({ fidelity }) => fidelity.signs),
    medianOf(model, ({ fidelity }) => fidelity.cosine),
  ];
}
