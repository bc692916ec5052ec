import { argmax, crossEntropy, klDivergence } from "../../../lib/graph/ops/likelihood.ts";
import { fixed, normals, type OpCase, type Operand, testOp, wholes } from "../op_case.ts";
import * as plain from "../plain/likelihood.ts";

const [TOKENS, VOCABULARY] = [4, 11];
const logits = normals(1, TOKENS, VOCABULARY);
const others = normals(2, TOKENS, VOCABULARY);
const labels = wholes(0, 10, 3, 3);

/** Logits so large that exp overflows float32 unless the row's largest is taken off first. */
function large(operand: Operand): Operand {
  return { ...operand, numbers: operand.numbers.map((each) => Math.fround(each + 200)) };
}

const cases: OpCase[] = [
  {
    name: "crossEntropy",
    operands: [logits, labels],
    build: crossEntropy,
    plain: plain.crossEntropy,
  },
  {
    name: "crossEntropy of large logits",
    operands: [large(logits), labels],
    build: crossEntropy,
    plain: plain.crossEntropy,
  },
  {
    name: "crossEntropy of one token",
    operands: [normals(3, 1, VOCABULARY), wholes(5)],
    build: crossEntropy,
    plain: plain.crossEntropy,
  },
  {
    name: "klDivergence",
    operands: [fixed(others), logits],
    build: klDivergence,
    plain: (teacher, student) => plain.klDivergence(teacher, student, VOCABULARY),
  },
  {
    name: "klDivergence of large logits",
    operands: [fixed(large(others)), large(logits)],
    build: klDivergence,
    plain: (teacher, student) => plain.klDivergence(teacher, student, VOCABULARY),
  },
  {
    name: "argmax",
    operands: [fixed(logits)],
    build: argmax,
    plain: (logits) => plain.argmax(logits, VOCABULARY),
  },
  {
    name: "argmax where several tokens tie",
    operands: [fixed({ ...logits, numbers: logits.numbers.map(Math.round) })],
    build: argmax,
    plain: (logits) => plain.argmax(logits, VOCABULARY),
  },
];

cases.forEach(testOp);
