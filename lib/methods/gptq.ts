/**
 * `gptq`: the weights of the fine-tune itself in a few bits, input by input, so that each makes good what was wrong
 * in those before it, on the inputs that the quantised model so far gives.
 *
 * Source: Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization", algorithm 1, with inputs in the order of
 * their second moments ("act-order") where it is asked for. Not here: a delta's signs.
 */

import { sharedKernels } from "../checkpoint/formed_tensor.ts";
import { fromFloat32 } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { type IntegerForm, integersForm, integersTerm } from "../codecs/integers.ts";
import { packColumns } from "../codecs/pack_integers.ts";
import { wordsPerRow } from "../codecs/signs.ts";
import type { Placed } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { gptqBlock } from "../graph/ops/gptq_block.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { submatrix, subtractProduct } from "../graph/ops/parts.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import type { Watch } from "../util/progress.ts";
import { type IntegerSettings, integerSettings, weightForm } from "./integer_settings.ts";
import { momentsOf } from "./gptq_moments.ts";
import type { ClosedForm, LayerInput, RowSettings } from "./method.ts";
import { objectiveSettings } from "./objective_settings.ts";

/** Inputs that are rounded between two products. */
const BLOCK = 128;

/** Settings of the method. */
export type GptqSettings = Omit<IntegerSettings, "group"> & {
  /** Rows of inputs. */
  readonly rows: number;
  /** Whether padding counts as rows. */
  readonly padding: RowSettings["padding"];
  /** Inputs that share a scale. */
  readonly group: 32 | 64 | 128;
  /** Whether inputs are gone through in the order of their second moments, the largest first. */
  readonly ordered: boolean;
  /** In units of mean diag(XᵀX/T): what is added to the second moments. */
  readonly damping: number;
};

/** Ŵ = scale · (q − zero), in the base's place. */
export const gptq: ClosedForm<GptqSettings> = {
  kind: "closed form",
  name: "gptq",
  summary: "the fine-tune's weights in a few bits, each making good what is wrong before it",
  module: import.meta.url,
  settings: {
    bits: integerSettings.bits,
    group: {
      kind: "choice",
      default: 128,
      values: [32, 64, 128],
      help: "inputs that share a scale",
    },
    ordered: {
      kind: "choice",
      default: true,
      values: [true, false],
      help: "whether inputs go in the order of their second moments",
    },
    damping: {
      kind: "number",
      default: 0.01,
      minimum: 0,
      maximum: 1000,
      help: "share of the inputs' mean square that is added to their second moments",
    },
    rows: objectiveSettings.rows,
    padding: objectiveSettings.padding,
  },
  variants: {},
  sweep: "rows",
  look: { hue: "violet", marker: "diamond" },
  sees: () => "both inputs",
  rows: ({ rows, padding }) => ({ rows, padding }),
  form: (_, settings) => ({ role: "weight", terms: [integersForm(formOf(settings))] }),
  compress: (layer, settings, _engine, programs, watch) =>
    programs.alone(() => quantised(layer, settings, programs, watch)),
};

function formOf(settings: GptqSettings): IntegerForm {
  return { ...weightForm(settings), ordered: settings.ordered };
}

async function quantised(
  { name, shape, fine, compressedInputs, group }: LayerInput,
  settings: GptqSettings,
  programs: ProgramCache,
  { signal, onProgress }: Watch,
): Promise<CompressedLayer> {
  const [outSize, inSize] = shape;
  const { bits, group: width, ordered, damping } = settings;
  const moments = await group.get(
    `inverse of second moments, ${damping}, ${ordered}`,
    () => momentsOf(programs, compressedInputs!, inSize, settings, signal),
  );
  const kernels = await sharedKernels();
  const planes = new Int32Array(bits * wordsPerRow(inSize) * outSize);
  const groups = Math.ceil(inSize / width);
  const scale = new Float32Array(groups * outSize);
  const zero = new Int32Array(groups * bits * wordsPerRow(outSize));
  let left = await transposed(programs, name, fine, moments.permutation, shape);
  try {
    for (let begin = 0; begin < inSize; begin += BLOCK) {
      signal?.throwIfAborted();
      const rows = Math.min(BLOCK, inSize - begin);
      const result = await roundBlock(programs, left, moments.factor, {
        begin,
        shape,
        bits,
        width,
      });
      const [numbers] = await programs.engine.read([result]) as Float32Array[];
      packColumns(kernels, numbers.subarray(rows * outSize, 2 * rows * outSize), planes, {
        ...{ first: begin, bits, inSize, outSize },
      });
      const ofBlock = Math.ceil(rows / width);
      const ranges = numbers.subarray(2 * rows * outSize);
      scale.set(ranges.subarray(0, ofBlock * outSize), begin / width * outSize);
      packZeros(ranges.subarray(ofBlock * outSize), zero, begin / width, bits, outSize);
      const next = begin + rows < inSize
        ? await rest(programs, left, result, moments.factor, { begin, shape, width })
        : null;
      result.release();
      left.release();
      if (!next) break;
      left = next;
      onProgress?.({ done: begin + rows, total: inSize, label: "inputs" });
    }
  } catch (error) {
    left.release();
    throw error;
  }
  const form = formOf(settings);
  const stored = {
    dtype: form.type,
    shape: [groups, outSize],
    bytes: fromFloat32(scale, form.type),
  } as const;
  const place = ordered ? moments.place.slice() : undefined;
  return {
    shape,
    role: "weight",
    terms: [integersTerm({ planes, scale: stored, zero, place }, form)],
  };
}

/** Wᵀ, its rows in the order of the inputs, `[in, out]`. */
async function transposed(
  programs: ProgramCache,
  name: string,
  fine: LayerInput["fine"],
  permutation: Placed,
  [outSize, inSize]: LayerInput["shape"],
): Promise<Placed> {
  const program = await programs.get(`transposed [${outSize}, ${inSize}] ${fine.dtype}`, () => ({
    weights: matmul(
      input("permutation", [inSize, inSize]),
      input("fine", [outSize, inSize]),
      { transposeSecond: true },
    ),
  }));
  const placed = await programs.engine.place(fine, `${name}.weight`);
  try {
    return (await program.keep({ permutation, fine: placed })).weights;
  } finally {
    placed.release();
  }
}

interface BlockPlace {
  readonly begin: number;
  readonly shape: LayerInput["shape"];
  readonly width: number;
}

/** What `gptqBlock` makes of the first rows of what is left. */
async function roundBlock(
  programs: ProgramCache,
  left: Placed,
  factor: Placed,
  { begin, shape: [outSize, inSize], bits, width }: BlockPlace & { readonly bits: number },
): Promise<Placed> {
  const rows = Math.min(BLOCK, inSize - begin);
  const end = begin + rows;
  const cut = await programs.get(`block from ${begin} of [${inSize}, ${outSize}]`, () => ({
    weights: submatrix(input("left", [inSize - begin, outSize]), { rows: [0, rows] }),
    factor: submatrix(input("factor", [inSize, inSize]), {
      rows: [begin, end],
      columns: [begin, end],
    }),
  }));
  const parts = await cut.keep({ left, factor });
  try {
    const program = await programs.get(`gptq of [${rows}, ${outSize}], ${bits}, ${width}`, () => ({
      result: gptqBlock(input("weights", [rows, outSize]), input("factor", [rows, rows]), {
        bits,
        group: width,
      }),
    }));
    return (await program.keep(parts)).result;
  } finally {
    Object.values(parts).forEach((each) => each.release());
  }
}

/** The rows after a block, with what was wrong in it made good. */
async function rest(
  programs: ProgramCache,
  left: Placed,
  result: Placed,
  factor: Placed,
  { begin, shape: [outSize, inSize], width }: BlockPlace,
): Promise<Placed> {
  const rows = Math.min(BLOCK, inSize - begin);
  const end = begin + rows;
  const height = 2 * (rows + Math.ceil(rows / width));
  const program = await programs.get(`after ${end} of [${inSize}, ${outSize}], ${height}`, () => {
    const whole = input("left", [inSize - begin, outSize]);
    const wrong = submatrix(input("result", [height, outSize]), { rows: [0, rows] });
    const across = submatrix(input("factor", [inSize, inSize]), {
      rows: [begin, end],
      columns: [end, inSize],
    });
    const after = submatrix(whole, { rows: [rows, inSize - begin] });
    return { rest: subtractProduct(after, across, wrong, { transposeFirst: true }) };
  });
  return (await program.keep({ left, result, factor })).rest;
}

/** Zero points of a block's groups, `[groups, out]`, as the codec packs them. */
function packZeros(
  zeros: Float32Array,
  zero: Int32Array,
  first: number,
  bits: number,
  outSize: number,
): void {
  for (const [at, value] of zeros.entries()) {
    const [g, o] = [first + Math.floor(at / outSize), at % outSize];
    for (let bit = 0; bit < bits; bit++) {
      zero[(g * bits + bit) * wordsPerRow(outSize) + (o >>> 5)] |= (value >>> bit & 1) << (o & 31);
    }
  }
}
