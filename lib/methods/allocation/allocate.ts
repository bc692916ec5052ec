/**
 * A method that spends bytes where they count, at work on a pair: what each form does harm in each layer is measured,
 * and kept; then a form of each layer is chosen, and what comes of it is a closed form like any other, whose layers
 * differ.
 */

import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { elementCount } from "../../checkpoint/tensor.ts";
import { linearLayerNames, linearShape } from "../../checkpoint/weights.ts";
import type { LayerForm } from "../../codecs/codec.ts";
import { layerBytes } from "../../codecs/layer.ts";
import type { DeltaMetadata } from "../../delta/delta.ts";
import { deltaPlaces } from "../../delta/planned_header.ts";
import type { Engine } from "../../graph/engine.ts";
import type { CalibrationSequences } from "../../texts/sequences.ts";
import { OptionError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import type { Settings } from "../../util/settings.ts";
import { watchOfCandidate } from "../choosing.ts";
import { prepareClosedForm } from "../closed_form.ts";
import type { Allocated, ClosedForm, MethodChoice } from "../method.ts";
import { resolveMethod } from "../mod.ts";
import { KeptHarm } from "./kept_harm.ts";
import { type ChosenForm, measureHarm } from "./measure.ts";
import { errorAt } from "./error_at.ts";
import { leastChoice, type Option, spend } from "./spend.ts";

/** An allocation, all that it depends on chosen. */
export interface Allocation {
  readonly engine: Engine;
  readonly base: Checkpoint;
  readonly fine: Checkpoint;
  readonly method: Allocated<Settings>;
  readonly settings: Settings;
  /** Calibration text. */
  readonly sequences: CalibrationSequences;
}

/** How an allocation is watched and kept. */
export interface KeptAllocation extends Watch {
  /** Where what is measured is kept; `null`: nowhere. */
  readonly state: string | null;
  /** Identity of the code that measures. */
  readonly code: string;
  /** What the file tells beside what the method does: its header counts. */
  readonly noted: (metadata: DeltaMetadata) => DeltaMetadata;
}

/** What of a progress bar is the measuring, and what the compression after it. */
const PARTS = ["sensitivity", "compression"];

/**
 * The closed form that compresses each layer in the form that was chosen for it.
 *
 * @returns with it a watch for what it compresses.
 * @throws {OptionError} if not even the smallest forms fit the budget; it says the least that would do.
 * @throws {TextError} if there is too little calibration text.
 */
export async function allocate(
  { engine, base, fine, method, settings, sequences }: Allocation,
  { state, code, noted, ...watch }: KeptAllocation,
): Promise<ChosenForm & { readonly watch: Watch }> {
  const candidates = method.candidates(settings);
  const forms = candidates.map(closedForm);
  const names = linearLayerNames(fine.config);
  const labels = shortLabels(forms);
  const compressed = (choice: readonly number[]): ChosenForm => {
    const chosen = labels
      .map((label, at) => [label, choice.filter((each) => each === at).length] as const)
      .filter(([, count]) => count > 0)
      .map(([label, count]) => `${label}: ${count}`)
      .join("; ");
    const told = { ...settings, chosen };
    const formOf = new Map(names.map((name, at) => [name, forms[choice[at]]]));
    return { method: mixed(method, formOf), settings: told };
  };
  const prepared = (choice: readonly number[]) => {
    const made = compressed(choice);
    return prepareClosedForm(base, fine, made.method, made.settings, sequences);
  };
  const sizesOf = (forms: readonly ChosenForm[]) =>
    names.map((name) => {
      const shape = linearShape(fine.config, name);
      return forms.map(({ method, settings }) =>
        layerBytes({ shape, ...method.form({ name, shape }, settings) })
      );
    });
  const sizes = sizesOf(forms);
  const { plan } = prepared(names.map(() => 0));
  const fileOf = (choice: readonly number[]) => {
    const { method, settings } = compressed(choice);
    const layers = new Map(names.map((name): [string, LayerForm] => {
      const shape = linearShape(fine.config, name);
      return [name, { shape, ...method.form({ name, shape }, settings) }];
    }));
    const metadata = noted({ ...plan.metadata, settings });
    return deltaPlaces({ ...plan, layers, metadata }).byteLength;
  };
  const layersOf = (choice: readonly number[]) =>
    choice.reduce((sum, form, at) => sum + sizes[at][form], 0);
  const budget = method.budget(settings);
  const { limit, sizeOf, unit } = budget.bytes === null
    ? { ...bitsUnit(fine, names, budget.bits), sizeOf: layersOf }
    : { limit: budget.bytes, sizeOf: fileOf, unit: { option: "bytes", value: (of: number) => of } };
  const free = sizes.map((each) => each.map((bytes): Option => ({ bytes, cost: 0 })));
  // Known before hours of measuring.
  const least = sizeOf(leastChoice(free));
  if (least > limit) {
    throw new OptionError({
      problem: "is less than the smallest forms of all layers take",
      option: unit.option,
      value: unit.value(limit),
      expected: `at least ${unit.value(least)}`,
    });
  }
  const measured = method.measured(settings).map(closedForm);
  const rows = method.rows(settings);
  const slice = method.slice(settings);
  const measuring = { engine, base, fine, sequences, rows, slice, forms: measured };
  await using kept = await KeptHarm.open(state, measuring, code);
  const keep = kept.keep.bind(kept);
  const known = new Set(kept.harms.keys());
  if (names.some((name) => !known.has(name))) {
    await measureHarm(measuring, known, keep, watchOfCandidate(watch, 0, PARTS));
  }
  const measuredSizes = sizesOf(measured);
  const options = names.map((name, at) => {
    const { kl, errors } = kept.harms.get(name)!;
    const known = errors.map((error, form) => ({ bytes: measuredSizes[at][form], error }));
    return sizes[at].map((bytes): Option => ({
      bytes,
      cost: errors[0] === 0 ? 0 : kl * errorAt(bytes, known) / errors[0],
    }));
  });
  const choice = spend(options, limit, sizeOf)!;
  return { ...compressed(choice), watch: watchOfCandidate(watch, 1, PARTS) };
}

/** What tells forms apart: their methods and settings, of which all that are the same in all are left out. */
function shortLabels(forms: readonly ChosenForm[]): string[] {
  const differs = (of: (form: ChosenForm) => unknown) => new Set(forms.map(of)).size > 1;
  return forms.map(({ method, settings }) =>
    [
      ...differs((form) => form.method.name) ? [method.name] : [],
      ...Object.entries(settings).filter(([name]) => differs((form) => form.settings[name]))
        .map(([name, value]) => `${name} ${value}`),
    ].join(", ")
  );
}

/** A choice of a closed form, which alone can be laid out before it is made. */
function closedForm(choice: MethodChoice): ChosenForm {
  const { method, settings } = resolveMethod(choice);
  if (method.kind === "closed form" && !method.measured) return { method, settings };
  throw new OptionError({
    problem: "cannot be a layer's form",
    option: "method",
    value: method.name,
    expected: "a closed form whose bytes follow from shapes",
  });
}

/** Each layer in its own form; what any of them looks at, all can. */
function mixed(
  { name, summary, module, look, variants, settings: schema, sweep, rows }: Allocated<Settings>,
  forms: ReadonlyMap<string, ChosenForm>,
): ClosedForm<Settings> {
  const sights = ["extracted signs", "weights", "fine inputs", "both inputs"] as const;
  const all = [...forms.values()];
  return {
    ...{ kind: "closed form", name, summary, module, look, variants, settings: schema, sweep },
    rows,
    sees: () =>
      sights.findLast((sight) =>
        all.some(({ method, settings }) => method.sees(settings) === sight)
      )!,
    form(layer) {
      const { method, settings } = forms.get(layer.name)!;
      return method.form(layer, settings);
    },
    compress(layer, _settings, engine, programs, watch) {
      const { method, settings } = forms.get(layer.name)!;
      return method.compress(layer, settings, engine, programs, watch);
    },
  };
}

/** Bits a linear weight as bytes of all layers. */
function bitsUnit(fine: Checkpoint, names: readonly string[], bits: number) {
  const weights = names.reduce(
    (sum, name) => sum + elementCount(linearShape(fine.config, name)),
    0,
  );
  return {
    limit: bits * weights / 8,
    // Rounded up: what is told as enough is enough.
    unit: { option: "bits", value: (size: number) => Math.ceil(8e4 * size / weights) / 1e4 },
  };
}
