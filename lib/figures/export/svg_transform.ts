/**
 * Affine transforms as SVG writes them. Only what plotly.js uses in a flat drawing: translate,
 * scale, rotate, matrix; no skews.
 */

/** `[a, b, c, d, e, f]`: `x' = a·x + c·y + e`, `y' = b·x + d·y + f`. */
export type Transform = readonly [number, number, number, number, number, number];

/** A rectangle with sides along the axes, in pixels; y grows downwards. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const identity: Transform = [1, 0, 0, 1, 0, 0];

/** The transform that applies `inner` first and `outer` to its result. */
export function compose(outer: Transform, inner: Transform): Transform {
  const [a, b, c, d, e, f] = outer;
  const [p, q, r, s, t, u] = inner;
  return [
    a * p + c * q,
    b * p + d * q,
    a * r + c * s,
    b * r + d * s,
    a * t + c * u + e,
    b * t + d * u + f,
  ];
}

/** Reads a `transform` attribute; its parts apply from right to left. Empty text is {@link identity}. */
export function parseTransform(text: string): Transform {
  let transform = identity;
  for (const [, name, list] of text.matchAll(/(translate|scale|rotate|matrix)\(([^)]*)\)/g)) {
    const numbers = list.split(/[\s,]+/).filter(Boolean).map(Number);
    transform = compose(transform, transformOf(name, numbers));
  }
  return transform;
}

function transformOf(name: string, numbers: readonly number[]): Transform {
  const [first, second] = numbers;
  switch (name) {
    case "translate":
      return [1, 0, 0, 1, first, second ?? 0];
    case "scale":
      return [first, 0, 0, second ?? first, 0, 0];
    case "rotate":
      return rotation(first, second ?? 0, numbers[2] ?? 0);
    default:
      return numbers as unknown as Transform;
  }
}

/** Rotation by `degrees`, clockwise as y grows downwards, about `(x, y)`. */
function rotation(degrees: number, x: number, y: number): Transform {
  const cosine = Math.cos(degrees * Math.PI / 180);
  const sine = Math.sin(degrees * Math.PI / 180);
  const turned: Transform = [cosine, sine, -sine, cosine, 0, 0];
  return compose(compose([1, 0, 0, 1, x, y], turned), [1, 0, 0, 1, -x, -y]);
}

/** The smallest box around the transformed corners of `box`. */
export function transformBox(box: Box, [a, b, c, d, e, f]: Transform): Box {
  const corners = [
    [box.x, box.y],
    [box.x + box.width, box.y],
    [box.x, box.y + box.height],
    [box.x + box.width, box.y + box.height],
  ];
  const xs = corners.map(([x, y]) => a * x + c * y + e);
  const ys = corners.map(([x, y]) => b * x + d * y + f);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { x: left, y: top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
}

/** The smallest box around all boxes that have an extent; an empty box where none has. */
export function unionBox(boxes: readonly Box[]): Box {
  const filled = boxes.filter(({ width, height }) => width > 0 || height > 0);
  if (filled.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  const x = Math.min(...filled.map((box) => box.x));
  const y = Math.min(...filled.map((box) => box.y));
  return {
    x,
    y,
    width: Math.max(...filled.map((box) => box.x + box.width)) - x,
    height: Math.max(...filled.map((box) => box.y + box.height)) - y,
  };
}
