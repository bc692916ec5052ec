/** Ops on the rows of matrices as float64 loops over flat, row-major numbers. */

/** Sizes and orientation of a product: op(a) is `[rows, inner]`, op(b) `[inner, columns]`. */
export interface Product {
  rows: number;
  inner: number;
  columns: number;
  transposeFirst?: boolean;
  transposeSecond?: boolean;
}

/** op(a) · op(b) */
export function matmul(a: Float64Array, b: Float64Array, product: Product): Float64Array {
  const { rows, inner, columns, transposeFirst, transposeSecond } = product;
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let k = 0; k < inner; k++) {
        const left = a[transposeFirst ? k * rows + row : row * inner + k];
        const right = b[transposeSecond ? column * inner + k : k * columns + column];
        result[row * columns + column] += left * right;
      }
    }
  }
  return result;
}

/** The rows of a matrix of `width` columns that `indices` name. */
export function gatherRows(
  matrix: Float64Array,
  indices: Float64Array,
  width: number,
): Float64Array {
  const result = new Float64Array(indices.length * width);
  indices.forEach((row, at) =>
    result.set(matrix.subarray(row * width, (row + 1) * width), at * width)
  );
  return result;
}

/** Adds row `at` of x to row `indices[at]` of a matrix of zeros, `[rows, width]`. */
export function scatterRows(
  x: Float64Array,
  indices: Float64Array,
  rows: number,
  width: number,
): Float64Array {
  const result = new Float64Array(rows * width);
  indices.forEach((row, at) => {
    for (let column = 0; column < width; column++) {
      result[row * width + column] += x[at * width + column];
    }
  });
  return result;
}

/** Each row of `width` numbers divided by √(mean(x²) + ε). */
export function rmsNormalize(x: Float64Array, width: number, epsilon: number): Float64Array {
  const result = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    const row = x.subarray(start, start + width);
    const meanSquare = row.reduce((sum, each) => sum + each * each, 0) / width;
    result.set(row.map((each) => each / Math.sqrt(meanSquare + epsilon)), start);
  }
  return result;
}

/** S `[inputs, outputs]`: +1 where bit `input % 32` of word (⌊input / 32⌋, output) is set, else −1. */
export function signMatrix(mask: Float64Array, inputs: number, outputs: number): Float64Array {
  const result = new Float64Array(inputs * outputs);
  for (let input = 0; input < inputs; input++) {
    for (let output = 0; output < outputs; output++) {
      const word = mask[Math.floor(input / 32) * outputs + output];
      const bit = Math.floor((word < 0 ? word + 2 ** 32 : word) / 2 ** (input % 32)) % 2;
      result[input * outputs + output] = bit === 1 ? 1 : -1;
    }
  }
  return result;
}
