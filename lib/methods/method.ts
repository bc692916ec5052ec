/**
 * What a method is: how the numbers that a codec stores are found from a base, its fine-tune and
 * calibration text.
 *
 * A method is one file, and one line of the list in `mod.ts`: scripts take their options from its settings,
 * notebooks their parameters, plans their tasks from its variants and its sweep, legends their order and
 * looks. A method knows no engine: it sees {@linkcode Engine} alone.
 */

import type { RawTensor } from "../checkpoint/tensor.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import type { CompressedLayer, LayerForm } from "../codecs/codec.ts";
import type { Delta } from "../delta/delta.ts";
import type { ExtractedSigns } from "../delta/extract_layer.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { Watch } from "../util/progress.ts";
import type { Schema, Settings, SettingValue } from "../util/settings.ts";
import type { GroupWork } from "./group_work.ts";

/** A method, one of its variants and settings of it, as a user gives them. */
export interface MethodChoice {
  /** Its name. */
  readonly method: string;
  /** Default: its first one. */
  readonly variant?: string;
  /** Settings that differ from those of the variant. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
}

/** One linear layer as a method sees it; each tensor of both checkpoints is read once for all of this. */
export interface LayerInput {
  /** Name without `.weight`. */
  readonly name: string;
  /** `[out, in]`. */
  readonly shape: LinearShape;
  /**
   * W of the base, as it is stored, until the layer is compressed; not to be looked at by a method that sees
   * signs alone.
   */
  readonly base: RawTensor;
  /** W of the fine-tune, as `base`. */
  readonly fine: RawTensor;
  /** sign(Δ), packed, and mean |Δ|: finite, and found as the weights were read. */
  readonly signs: ExtractedSigns;
  /** X, `[rows, in]`, as the fine-tune has it; `null` for a method that does not see it. */
  readonly fineInputs: Placed | null;
  /** X, `[rows, in]`, as the compressed model so far has it; `null` like `fineInputs`. */
  readonly compressedInputs: Placed | null;
  /** What it shares with the layers that read the same inputs. */
  readonly group: GroupWork;
}

/** Which tokens of calibration text become rows of inputs. */
export interface RowSettings {
  /** Rows: the study's "calibration samples". */
  readonly rows: number;
  /** Whether padding counts as rows, as in the study. */
  readonly padding: "counted" | "left out";
}

/** How the points and lines of a method look in every figure; its variants differ in shade and dash. */
export interface Look {
  /** One of the palette's. */
  readonly hue: Hue;
  /** Marker by plotly's name. */
  readonly marker: Marker;
}

/** Hues of the palette, which `figures/style.ts` holds in two shades each; those first are farthest apart. */
export type Hue =
  | "blue"
  | "orange"
  | "pink"
  | "violet"
  | "green"
  | "red"
  | "indigo"
  | "ochre"
  | "teal"
  | "magenta"
  | "rose"
  | "maroon"
  | "gold"
  | "purple";

/** Markers that stay apart at the size of a figure in print; base and fine-tune have `x` and `diamond`. */
export type Marker =
  | "circle"
  | "square"
  | "triangle-up"
  | "triangle-down"
  | "triangle-left"
  | "triangle-right"
  | "cross"
  | "star"
  | "hourglass"
  | "bowtie"
  | "diamond"
  | "x";

/** What every method has. */
export interface Described<S extends Settings> {
  /** In options, tables, legends and delta files. */
  readonly name: string;
  /** One line of help, in lower case: how the numbers are found. */
  readonly summary: string;
  /** `import.meta.url` of its file: what that imports determines its numbers. */
  readonly module: string;
  /** Everything that a run of it depends on beside the pair and the text. */
  readonly settings: Schema<S>;
  /** Named choices of settings, the one that is taken by default first; `{}` for a method of one form. */
  readonly variants: Readonly<Record<string, Partial<S>>>;
  /** The setting that a figure is drawn against; `null` where there is none. */
  readonly sweep: (keyof S & string) | null;
  /** Its look in figures. */
  readonly look: Look;
}

/**
 * What of a layer a closed form looks at, each beside those before: `"extracted signs"` and the mean magnitude, so
 * that no weight is held for it; `"weights"`; `"fine inputs"`; `"both inputs"`, which go through the compressed
 * model so far. But for the last, layers of one decoder layer may be compressed at once.
 */
export type Sees = "extracted signs" | "weights" | "fine inputs" | "both inputs";

/** A method that finds a layer's numbers in closed form, layer by layer in the order of the forward pass. */
export interface ClosedForm<S extends Settings> extends Described<S> {
  /** That it is one. */
  readonly kind: "closed form";
  /** What of a layer it looks at with these settings. */
  sees(settings: S): Sees;
  /** The rows that it looks at; `null` where it sees no inputs. */
  rows(settings: S): RowSettings | null;
  /**
   * Whether the bytes of a layer depend on its numbers, as what is compressed without loss, so that nothing is stated
   * and {@linkcode ClosedForm.form} is not asked. Default: no.
   */
  readonly measured?: boolean;
  /**
   * How a layer will be stored, known before a weight is read: what {@linkcode ClosedForm.compress} returns is
   * held to it.
   *
   * @throws {RangeError} if the method is measured.
   */
  form(layer: Pick<LayerInput, "name" | "shape">, settings: S): Omit<LayerForm, "shape">;
  /**
   * Compresses one layer, into the form that was stated.
   *
   * @param programs keeps compiled graphs from layer to layer, and is freed after the last.
   * @param watch is told of parts of this layer, by one for which it takes long; it is stopped between them.
   */
  compress(
    layer: LayerInput,
    settings: S,
    engine: Engine,
    programs: ProgramCache,
    watch: Watch,
  ): Promise<CompressedLayer>;
}

/** What a method that trains works with. */
export interface TrainingInput extends Watch {
  /** Runs the graphs. */
  readonly engine: Engine;
  /** The pair. */
  readonly base: Checkpoint;
  /** Its fine-tune. */
  readonly fine: Checkpoint;
  /** Where training starts: the delta of the method that {@linkcode Trained.start} names. */
  readonly start: Delta;
  /** Calibration text. */
  readonly sequences: CalibrationSequences;
  /** File that an interrupted training was saved to and goes on from; default: none. */
  readonly state?: string;
}

/** A delta that was trained, and how the loss went. */
export interface TrainedDelta {
  /** What training came to. */
  readonly delta: Delta;
  /** Loss before each step. */
  readonly losses: readonly number[];
  /** Seconds that an earlier run's steps took, where it went on from a state. */
  readonly resumedSeconds?: number;
}

/** A method that trains the numbers of another one's delta. */
export interface Trained<S extends Settings> extends Described<S> {
  /** That it is one. */
  readonly kind: "trained";
  /** The method of the delta that training starts from. */
  start(settings: S): MethodChoice;
  /** Sequences of calibration text that a step takes. */
  batch(settings: S): number;
  /** Trains. */
  train(input: TrainingInput, settings: S): Promise<TrainedDelta>;
}

/**
 * A method that lets others compress and keeps the best: the one that is nearest to the fine-tune, by KL, on
 * calibration text that none of them saw.
 */
export interface Chosen<S extends Settings> extends Described<S> {
  /** That it is one. */
  readonly kind: "chosen";
  /** The choices that are compared, one or more; of those that are equally near the first is kept. */
  candidates(settings: S): readonly MethodChoice[];
  /** Sequences of calibration text, its last ones, that are kept aside to compare them on; 0 where there is one. */
  aside(settings: S): number;
}

/** What a delta may take: bits for each weight of its linear layers, or bytes of its whole file. */
export type Budget =
  | { readonly bits: number; readonly bytes: null }
  | { readonly bytes: number };

/**
 * A method that compresses each layer by the closed form that serves best there, where all together may take so much:
 * what the KL of the model loses by each layer alone is measured first.
 */
export interface Allocated<S extends Settings> extends Described<S> {
  /** That it is one. */
  readonly kind: "allocated";
  /** Closed forms, of which each layer takes one. */
  candidates(settings: S): readonly MethodChoice[];
  /**
   * Forms by which layers are measured: the same, or a few of their kind, between whose sizes errors are taken to
   * follow; as near as may be in less time, and none looks at the compressed model so far, so that what a layer does
   * is its own. The KL of a layer is measured with the first.
   */
  measured(settings: S): readonly MethodChoice[];
  /** What the delta may take. */
  budget(settings: S): Budget;
  /** The rows that all candidates look at, and that their errors are measured on. */
  rows(settings: S): RowSettings;
  /** Sequences of calibration text, its first ones, that KLs are measured on. */
  slice(settings: S): number;
}

/**
 * A method of settings `S`. Its functions are given settings that were held to its schema, so a method of any
 * settings is one of the list.
 */
export type Method<S extends Settings = Settings> =
  | ClosedForm<S>
  | Trained<S>
  | Chosen<S>
  | Allocated<S>;

/** Whether a closed form looks at inputs with these settings, and so at calibration text. */
export function seesInputs(method: ClosedForm<Settings>, settings: Settings): boolean {
  return ["fine inputs", "both inputs"].includes(method.sees(settings));
}
