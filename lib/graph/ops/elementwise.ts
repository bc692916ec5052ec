/**
 * Ops that work element by element, those that repeat a value along new leading axes or sum such axes away,
 * which are each other's gradients, and the one that gives elements another shape.
 */

import { elementCount } from "../../checkpoint/tensor.ts";
import { makeValue, requireShapes, sameShape, type Shape, type Value } from "../graph.ts";

/** A value that holds `numbers`, row by row, in the given shape. */
export function constant(numbers: Float32Array, shape: Shape): Value {
  const value = makeValue("constant", [], shape, {
    attributes: { numbers },
    onnx: (builder) => builder.constant(numbers, shape),
  });
  requireShapes(
    numbers.length === elementCount(shape),
    "constant",
    [value],
    `${numbers.length} elements`,
  );
  return value;
}

/** x itself, as a constant in the eyes of the gradient. */
export function stopGradient(x: Value): Value {
  return makeValue("stopGradient", [x], x.shape, {
    gradient: () => [null],
    onnx: (_builder, [x]) => x,
  });
}

/**
 * a + b, where b has a's shape, or a's trailing axes (a bias `[features]` to `[tokens, features]`), or none; b
 * is repeated along the axes that it lacks.
 */
export function add(a: Value, b: Value): Value {
  const trailing = a.shape.slice(a.shape.length - b.shape.length);
  requireShapes(
    b.shape.length <= a.shape.length && sameShape(trailing, b.shape),
    "add",
    [a, b],
    "a second term of the first one's shape, or of its trailing axes",
  );
  return makeValue("add", [a, b], a.shape, {
    gradient: (upstream) => [upstream, sumTo(upstream, b.shape)],
    onnx: (builder, inputs) => builder.node("Add", inputs),
  });
}

/** a − b, elementwise. */
export function subtract(a: Value, b: Value): Value {
  requireShapes(sameShape(a.shape, b.shape), "subtract", [a, b], "two values of one shape");
  return makeValue("subtract", [a, b], a.shape, {
    gradient: (upstream) => [upstream, scaleBy(upstream, -1)],
    onnx: (builder, inputs) => builder.node("Sub", inputs),
  });
}

/**
 * a ∘ b, where b has a's shape, or a's trailing axes (`[features]` against `[tokens, features]`), or
 * none; b is repeated along the axes that it lacks.
 */
export function multiply(a: Value, b: Value): Value {
  const trailing = a.shape.slice(a.shape.length - b.shape.length);
  requireShapes(
    b.shape.length <= a.shape.length && sameShape(trailing, b.shape),
    "multiply",
    [a, b],
    "a second factor of the first one's shape, or of its trailing axes",
  );
  return makeValue("multiply", [a, b], a.shape, {
    gradient: (upstream) => [multiply(upstream, b), sumTo(multiply(upstream, a), b.shape)],
    onnx: (builder, inputs) => builder.node("Mul", inputs),
  });
}

/** a / b, elementwise. */
export function divide(a: Value, b: Value): Value {
  requireShapes(sameShape(a.shape, b.shape), "divide", [a, b], "two values of one shape");
  return makeValue("divide", [a, b], a.shape, {
    gradient: (upstream, quotient) => {
      const ofFirst = divide(upstream, b);
      return [ofFirst, scaleBy(multiply(ofFirst, quotient), -1)];
    },
    onnx: (builder, inputs) => builder.node("Div", inputs),
  });
}

/** √x, elementwise. */
export function squareRoot(x: Value): Value {
  return makeValue("squareRoot", [x], x.shape, {
    gradient: (upstream, root) => [scaleBy(divide(upstream, root), 0.5)],
    onnx: (builder, inputs) => builder.node("Sqrt", inputs),
  });
}

/** factor · x, elementwise. */
export function scaleBy(x: Value, factor: number): Value {
  return makeValue("scaleBy", [x], x.shape, {
    attributes: { factor },
    gradient: (upstream) => [scaleBy(upstream, factor)],
    onnx: (builder, [x]) => builder.node("Mul", [x, builder.constant(Float32Array.of(factor), [])]),
  });
}

/** x · σ(x), elementwise (Elfwing et al. 2018; the "swish" of SwiGLU). */
export function silu(x: Value): Value {
  return makeValue("silu", [x], x.shape, {
    gradient: (upstream) => [siluGradient(x, upstream)],
    onnx: (builder, [x]) => builder.node("Mul", [x, builder.node("Sigmoid", [x])]),
  });
}

/** ∂/∂x: g · (σ + x·σ·(1 − σ)) = g · (σ + silu·(1 − σ)). */
function siluGradient(x: Value, upstream: Value): Value {
  requireShapes(
    sameShape(x.shape, upstream.shape),
    "siluGradient",
    [x, upstream],
    "two values of one shape",
  );
  return makeValue("siluGradient", [x, upstream], x.shape, {
    onnx: (builder, [x, upstream]) => {
      const gate = builder.node("Sigmoid", [x]);
      const rest = builder.node("Sub", [builder.constant(Float32Array.of(1), []), gate]);
      const slope = builder.node("Mul", [builder.node("Mul", [x, gate]), rest]);
      return builder.node("Mul", [upstream, builder.node("Add", [gate, slope])]);
    },
  });
}

/** The same elements, row by row, in another shape of as many. */
export function reshape(x: Value, shape: Shape): Value {
  requireShapes(
    elementCount(shape) === elementCount(x.shape) && x.type === "f32",
    "reshape",
    [x],
    `as many elements as [${shape}], of floats`,
  );
  const target = BigInt64Array.from(shape, BigInt);
  return makeValue("reshape", [x], shape, {
    gradient: (upstream) => [reshape(upstream, x.shape)],
    onnx: (builder, [x]) => builder.node("Reshape", [x, builder.constant(target, [shape.length])]),
  });
}

/** x, repeated so that it has `shape`, of which x's shape is the trailing part. */
export function broadcastTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  requireShapes(
    sameShape(shape.slice(shape.length - x.shape.length), x.shape),
    "broadcastTo",
    [x],
    `the trailing axes of [${shape}]`,
  );
  const target = BigInt64Array.from(shape, BigInt);
  return makeValue("broadcastTo", [x], shape, {
    gradient: (upstream) => [sumTo(upstream, x.shape)],
    onnx: (builder, [x]) => builder.node("Expand", [x, builder.constant(target, [shape.length])]),
  });
}

/** Σ over the leading axes of x, so that the trailing axes `shape` are left; `[]` sums all. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const dropped = x.shape.length - shape.length;
  requireShapes(
    dropped > 0 && sameShape(x.shape.slice(dropped), shape),
    "sumTo",
    [x],
    `a value whose trailing axes are [${shape}]`,
  );
  const axes = BigInt64Array.from({ length: dropped }, (_, axis) => BigInt(axis));
  return makeValue("sumTo", [x], shape, {
    gradient: (upstream) => [broadcastTo(upstream, x.shape)],
    onnx: (builder, [x]) =>
      builder.node("ReduceSum", [x, builder.constant(axes, [dropped])], { keepdims: 0 }),
  });
}

/** Σx / n over all n elements, a scalar. */
export function mean(x: Value): Value {
  return scaleBy(sumTo(x, []), 1 / elementCount(x.shape));
}
