/** `rotaryRows`: rotary position embedding of rows that are each at a position of their own. */

import { makeValue, requireShapes, type Shape, type Value } from "../graph.ts";

/**
 * Rotates the pair (i, i + d/2) of each head of row r by the angle whose cosine and sine the caller feeds, with the
 * numbers of `rotary` to the bit where they are those of `rotationTables` at the row's position. Without a gradient.
 *
 * @param x `[R, heads · headSize]`
 * @param cosines `[R, headSize / 2]`
 * @param sines `[R, headSize / 2]`
 */
export function rotaryRows(x: Value, cosines: Value, sines: Value, headSize: number): Value {
  const [rows, width] = x.shape;
  const isTable = ({ shape, type }: Value) =>
    type === "f32" && `${shape}` === `${[rows, headSize / 2]}`;
  requireShapes(
    x.type === "f32" && x.shape.length === 2 && Number.isInteger(headSize) && headSize > 0 &&
      headSize % 2 === 0 && width % headSize === 0 && isTable(cosines) && isTable(sines),
    "rotaryRows",
    [x, cosines, sines],
    `rows [R, heads · ${headSize}] of an even size of heads, cosines and sines [R, ${
      headSize / 2
    }]`,
  );
  return makeValue("rotaryRows", [x, cosines, sines], x.shape, {
    attributes: { headSize },
    onnx: (builder, [x, cosines, sines]) => {
      const whole = (shape: Shape) =>
        builder.constant(BigInt64Array.from(shape, BigInt), [shape.length]);
      const split = builder.node("Reshape", [x, whole([rows, width / headSize, headSize])]);
      const halves = builder.constant(
        BigInt64Array.of(BigInt(headSize / 2), BigInt(headSize / 2)),
        [2],
      );
      const [first, second] = builder.nodes("Split", [split, halves], 2, { axis: 2 });
      const swapped = builder.node("Concat", [second, first], { axis: 2 });
      const ofHeads = (parts: string[]) =>
        builder.node("Reshape", [
          builder.node("Concat", parts, { axis: 1 }),
          whole([rows, 1, headSize]),
        ]);
      const rotated = builder.node("Add", [
        builder.node("Mul", [split, ofHeads([cosines, cosines])]),
        builder.node("Mul", [swapped, ofHeads([builder.node("Neg", [sines]), sines])]),
      ]);
      return builder.node("Reshape", [rotated, whole([rows, width])]);
    },
  });
}
