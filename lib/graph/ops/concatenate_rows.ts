/** `concatenateRows`: matrices of one width below each other. Without a gradient: it collects results. */

import { elementCount, makeValue, requireShapes, type Value } from "../graph.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel } from "../../engines/webgpu/kernels/grid.ts";

/** Pieces that one kernel joins: with its result they are the 8 storage buffers of any device. */
const MOST_PIECES = 7;

/** `[r₁, columns]`, `[r₂, columns]` … → `[Σ rᵢ, columns]`. */
export function concatenateRows(pieces: readonly Value[]): Value {
  const columns = pieces[0]?.shape[1];
  requireShapes(
    pieces.length > 0 &&
      pieces.every(({ shape, type }) =>
        shape.length === 2 && shape[1] === columns && type === "f32"
      ),
    "concatenateRows",
    pieces,
    "at least one matrix, all of one number of columns",
  );
  const rows = pieces.reduce((sum, { shape }) => sum + shape[0], 0);
  return makeValue("concatenateRows", pieces, [rows, columns], {
    onnx: (builder, pieces) => builder.node("Concat", pieces, { axis: 0 }),
    wgsl: joined,
  });
}

/** Joins as many pieces as one kernel can, then what that made, until one is left. */
function joined(builder: KernelBuilder, pieces: readonly Operand[]): Operand {
  if (pieces.length === 1) return pieces[0];
  const groups = Array.from(
    { length: Math.ceil(pieces.length / MOST_PIECES) },
    (_, group) => pieces.slice(group * MOST_PIECES, (group + 1) * MOST_PIECES),
  );
  const wider = groups.map((each) =>
    each.length === 1 ? each[0] : builder.dispatch(copies(each))[0]
  );
  return joined(builder, wider);
}

function copies(pieces: readonly Operand[]): Kernel {
  const rows = pieces.reduce((sum, { shape }) => sum + shape[0], 0);
  const shape = [rows, pieces[0].shape[1]];
  const sizes: Record<string, number> = {};
  let end = 0;
  const cases = pieces.map((piece, index) => {
    const begin = index === 0 ? "0u" : `sizes.end${index - 1}`;
    end += elementCount(piece.shape);
    sizes[`end${index}`] = end;
    return `if (i < sizes.end${index}) { joined[i] = piece${index}_at(i - ${begin}); }`;
  });
  return elementKernel(elementCount(shape), {
    name: `concatenateRows${pieces.length}`,
    reads: Object.fromEntries(pieces.map((piece, index) => [`piece${index}`, piece])),
    writes: { joined: { shape } },
    sizes,
    body: cases.join("\nelse "),
  });
}
