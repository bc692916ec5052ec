/**
 * Attention's products head by head, one invocation an element: what runs where a graph has attention in
 * a form that no tiled kernel knows. Sizes: `heads`, `sequence`, `headSize` and `group`, the heads that
 * share one key head.
 */

/** P[b, h, i, j] = ⟨q[b, i, h], k[b, j, ⌊h/group⌋]⟩ */
export const ATTENTION_SCORES = `
let key = i % sizes.sequence;
let query = i / sizes.sequence % sizes.sequence;
let head = i / (sizes.sequence * sizes.sequence) % sizes.heads;
let batch = i / (sizes.sequence * sizes.sequence * sizes.heads);
let keyHeads = sizes.heads / sizes.group;
let q = ((batch * sizes.sequence + query) * sizes.heads + head) * sizes.headSize;
let k = ((batch * sizes.sequence + key) * keyHeads + head / sizes.group) * sizes.headSize;
var sum = 0.0;
for (var feature = 0u; feature < sizes.headSize; feature++) {
  sum = fma(queries_at(q + feature), keys_at(k + feature), sum);
}
scores[i] = sum;`;

/** y[b, i, h] = Σⱼ P[b, h, i, j] · v[b, j, ⌊h/group⌋] */
export const ATTENTION_MIX = `
let feature = i % sizes.headSize;
let head = i / sizes.headSize % sizes.heads;
let query = i / (sizes.headSize * sizes.heads) % sizes.sequence;
let batch = i / (sizes.headSize * sizes.heads * sizes.sequence);
let keyHeads = sizes.heads / sizes.group;
let weight = ((batch * sizes.heads + head) * sizes.sequence + query) * sizes.sequence;
let stride = keyHeads * sizes.headSize;
let value = batch * sizes.sequence * stride + head / sizes.group * sizes.headSize + feature;
var sum = 0.0;
for (var key = 0u; key < sizes.sequence; key++) {
  sum = fma(weights_at(weight + key), values_at(value + key * stride), sum);
}
mixed[i] = sum;`;

/** y[b, j, g] = Σ over i and the heads h of group g of P[b, h, i, j] · v[b, i, h] */
export const ATTENTION_MIX_TRANSPOSED = `
let feature = i % sizes.headSize;
let keyHeads = sizes.heads / sizes.group;
let keyHead = i / sizes.headSize % keyHeads;
let key = i / (sizes.headSize * keyHeads) % sizes.sequence;
let batch = i / (sizes.headSize * keyHeads * sizes.sequence);
let stride = sizes.heads * sizes.headSize;
var sum = 0.0;
for (var head = keyHead * sizes.group; head < (keyHead + 1u) * sizes.group; head++) {
  let weight = (batch * sizes.heads + head) * sizes.sequence * sizes.sequence + key;
  let value = batch * sizes.sequence * stride + head * sizes.headSize + feature;
  for (var query = 0u; query < sizes.sequence; query++) {
    sum = fma(weights_at(weight + query * sizes.sequence), values_at(value + query * stride), sum);
  }
}
mixed[i] = sum;`;
