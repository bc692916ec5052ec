/** Gradients cut to a norm, all parameters together (Pascanu et al. 2013, "On the difficulty of training RNNs"). */

/** Scales all gradients in place by clipNorm / ‖gradient‖ where that is below 1. */
export function clip(gradients: readonly Float32Array[], clipNorm: number): void {
  let sumOfSquares = 0;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) sumOfSquares += gradient[i] * gradient[i];
  }
  const norm = Math.sqrt(sumOfSquares);
  if (norm <= clipNorm) return;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) gradient[i] *= clipNorm / norm;
  }
}
