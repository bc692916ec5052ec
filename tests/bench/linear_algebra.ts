/**
 * Factors, systems and leading parts beside those of the libraries that Deno has for them: ml-matrix, in JavaScript and
 * double precision, and jax-js in WebAssembly. Sizes are such that these take seconds; a layer's are four to ten times as
 * wide, and beyond them.
 */

import { defaultDevice, init, lax, numpy } from "@jax-js/jax";
import { CholeskyDecomposition, Matrix, SingularValueDecomposition } from "ml-matrix";
import { median } from "simple-statistics";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { cholesky, choleskySolve, truncatedSvd } from "../../lib/graph/linear_algebra/mod.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import {
  type Comparison,
  inTurns,
  medianQuotient,
  memoryAbove,
  requireSame,
} from "./comparison.ts";
import { randomMatrix } from "./random_matrix.ts";

const SIZE = 1024;
const RIGHT_SIDES = 256;
const LARGE = 4096;
const SVD = { rows: 512, columns: 384, rank: 64 };
const THREADS = 2;
const TURNS = 3;

/** Seconds of each beside the peers', and what a wide factor takes. */
export async function compareLinearAlgebra(): Promise<Comparison[]> {
  const engine = onnxEngine({ threads: THREADS });
  await using programs = new ProgramCache(engine);
  const wide = await compareWide(programs);
  const factors = await compareFactors(programs);
  return [...factors, await compareSvd(programs), ...wide];
}

async function compareFactors(programs: ProgramCache): Promise<Comparison[]> {
  const { engine } = programs;
  const a = positive(SIZE);
  const b = randomMatrix(RIGHT_SIDES, SIZE, 1, 2);
  const [placed, sides] = [await engine.place(a), await engine.place(b)];
  const [dense, columns] = [matrixOf(a, SIZE), matrixOf(b, SIZE).transpose()];
  await init("wasm");
  defaultDevice("wasm");
  using factor = await cholesky(programs, placed, SIZE);
  const ofPeer = new CholeskyDecomposition(dense);
  const x = await choleskySolve(programs, factor, sides, RIGHT_SIDES);
  const [ours] = await engine.read([x]);
  const peers = ofPeer.solve(columns).transpose().to1DArray();
  x.release();
  requireSame("solutions", energy(ours), energy(peers), 1e-4);
  const seconds = await inTurns(TURNS, [
    async () => (await cholesky(programs, placed, SIZE))[Symbol.dispose](),
    () => Promise.resolve(new CholeskyDecomposition(dense)),
    async () => await lax.linalg.cholesky(numpy.array(a).reshape([SIZE, SIZE])).data(),
    async () => (await choleskySolve(programs, factor, sides, RIGHT_SIDES)).release(),
    () => Promise.resolve(ofPeer.solve(columns)),
  ]);
  const what = `Cholesky's factor of ${SIZE} rows, ${THREADS} cores`;
  return [
    beside(what, "ml-matrix", seconds[0], seconds[1]),
    beside(what, "jax-js in WebAssembly", seconds[0], seconds[2]),
    beside(`${RIGHT_SIDES} right sides for it`, "ml-matrix", seconds[3], seconds[4]),
  ];
}

async function compareSvd(programs: ProgramCache): Promise<Comparison> {
  const { rows, columns, rank } = SVD;
  // Columns of falling size, so that there is a part that leads.
  const a = randomMatrix(rows, columns, 1, 3).map((each, at) => each * 0.98 ** (at % columns));
  const placed = await programs.engine.place(a);
  const dense = matrixOf(a, columns);
  const ours = await truncatedSvd(programs, placed, [rows, columns], rank);
  const peer = new SingularValueDecomposition(dense).diagonal.slice(0, rank);
  requireSame("energy of the leading part", energy(ours.values), energy(peer), 1e-3);
  const seconds = await inTurns(TURNS, [
    () => truncatedSvd(programs, placed, [rows, columns], rank),
    () => Promise.resolve(new SingularValueDecomposition(dense)),
  ]);
  const what = `leading part of rank ${rank} of [${rows}, ${columns}], ${THREADS} cores`;
  return beside(what, "ml-matrix, which finds all of it", seconds[0], seconds[1]);
}

/** At a layer's width no peer ends in the time that this part may take. */
async function compareWide(programs: ProgramCache): Promise<Comparison[]> {
  const placed = await programs.engine.place(positive(LARGE));
  let seconds = NaN;
  const memory = await memoryAbove(async () => {
    const started = performance.now();
    (await cholesky(programs, placed, LARGE))[Symbol.dispose]();
    seconds = (performance.now() - started) / 1000;
  });
  placed.release();
  const shared = {
    peer: null,
    peerIs: "none that takes seconds",
    better: "lower",
    bound: null,
  } as const;
  return [
    {
      what: `Cholesky's factor of ${LARGE} rows, ${THREADS} cores`,
      unit: "s",
      ours: seconds,
      ...shared,
    },
    { what: "its memory above the matrix", unit: "MB", ours: memory, ...shared },
  ];
}

function beside(what: string, peerIs: string, ours: number[], peer: number[]): Comparison {
  return {
    what,
    unit: "s",
    ours: median(ours),
    peer: median(peer),
    peerIs,
    better: "lower",
    bound: null,
    timesPeer: 1,
    quotient: medianQuotient(ours, peer),
  };
}

/** Symmetric, with a diagonal that outweighs the rest. */
function positive(size: number): Float32Array<ArrayBuffer> {
  const a = randomMatrix(size, size, 0.1 / Math.sqrt(size), 1);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) a[j * size + i] = a[i * size + j];
    a[i * size + i] = 1;
  }
  return a;
}

function matrixOf(numbers: Float32Array, columns: number): Matrix {
  return Matrix.from1DArray(numbers.length / columns, columns, numbers);
}

function energy(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < numbers.length; at++) sum += numbers[at] ** 2;
  return sum;
}
