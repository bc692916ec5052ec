/**
 * Numbers that are trained as factors on what they are: steps of one length then mean the same change of a large
 * number as of a small one, without a learning rate for each.
 */

import type { CompiledLoss, ParameterArrays } from "./compiled_loss.ts";

/** A factor of 1 for each number. */
export function unitFactors(numbers: ParameterArrays): Map<string, Float32Array> {
  return new Map(
    [...numbers].map(([name, { length }]) => [name, new Float32Array(length).fill(1)]),
  );
}

/** f ∘ n, in 32-bit floats. */
export function scaledBy(
  numbers: ParameterArrays,
  factors: ParameterArrays,
): Map<string, Float32Array> {
  return new Map([...numbers].map(([name, of]) => {
    const factor = factors.get(name)!;
    return [name, of.map((each, at) => each * factor[at])];
  }));
}

/**
 * A loss L of numbers n as one of factors f on them: L(f ∘ n), with the gradient n ∘ ∇L(f ∘ n).
 *
 * @param loss of numbers by these names, none of which stay on an engine; its owner releases it.
 */
export function lossOfFactors<Batch>(
  loss: CompiledLoss<Batch>,
  numbers: ParameterArrays,
): CompiledLoss<Batch> {
  return {
    async run(factors, batch, signal) {
      const products = scaledBy(numbers, factors as ParameterArrays);
      const result = await loss.run(products, batch, signal);
      const gradients = new Map([...numbers].map(([name, of]) => {
        const ofNumbers = result.gradient(name);
        return [name, of.map((each, at) => each * ofNumbers[at])];
      }));
      return { loss: result.loss, gradient: (name) => gradients.get(name)! };
    },
    release: () => Promise.resolve(),
  };
}
