/** Quantities of next-token distributions as float64 loops over flat `[tokens, vocabulary]` logits. */

/** log softmax of each row. */
export function logSoftmax(logits: Float64Array, vocabulary: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += vocabulary) {
    const row = logits.subarray(start, start + vocabulary);
    const largest = Math.max(...row);
    const sum = row.reduce((total, each) => total + Math.exp(each - largest), 0);
    result.set(row.map((each) => each - largest - Math.log(sum)), start);
  }
  return result;
}

/** −log softmax(logits[t])[labels[t]] */
export function crossEntropy(logits: Float64Array, labels: ArrayLike<number>): Float64Array {
  const vocabulary = logits.length / labels.length;
  const logProbabilities = logSoftmax(logits, vocabulary);
  return Float64Array.from(labels, (label, token) => -logProbabilities[token * vocabulary + label]);
}

/** Σ p · (log p − log q) of each row, p the teacher's distribution and q the student's. */
export function klDivergence(teacher: Float64Array, student: Float64Array, vocabulary: number) {
  const logP = logSoftmax(teacher, vocabulary);
  const logQ = logSoftmax(student, vocabulary);
  const result = new Float64Array(teacher.length / vocabulary);
  logP.forEach((each, at) => {
    result[Math.floor(at / vocabulary)] += Math.exp(each) * (each - logQ[at]);
  });
  return result;
}

/** The first column of the largest number of each row. */
export function argmax(logits: Float64Array, vocabulary: number): Float64Array {
  return Float64Array.from({ length: logits.length / vocabulary }, (_, token) => {
    const row = logits.subarray(token * vocabulary, (token + 1) * vocabulary);
    return row.indexOf(Math.max(...row));
  });
}
