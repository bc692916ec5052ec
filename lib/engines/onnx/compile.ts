/** From a graph to what computes it: sessions of ONNX Runtime, one a stretch of it, and ops by themselves between them. */

import { elementCount } from "../../checkpoint/tensor.ts";
import { topologicalOrder, type Value } from "../../graph/graph.ts";
import { type Formation, formations } from "./formed.ts";
import { declare, encodeModel } from "./model.ts";
import { segments } from "./segments.ts";
import type { Session, SessionOptions } from "./sessions.ts";
import { isTeamOp, TeamStage } from "./team/stage.ts";

/** A stretch of a graph as ONNX Runtime has it, or one op as the thread team has it. */
export interface Stage {
  readonly computes: Session | TeamStage;
  /** Its inputs: the graph's, what is formed of them, and what earlier stages computed. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Its outputs: the graph's by their {@linkcode resultName}, and what later stages read. */
  readonly outputs: ReadonlyMap<string, Value>;
}

/** A graph as it is computed. */
export interface Compiled {
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Of the values that the engine forms. */
  readonly formations: ReadonlyMap<Value, Formation>;
  /** In the order in which they run. */
  readonly stages: readonly Stage[];
}

/** How a graph is compiled. */
export interface CompileOptions {
  /** Makes the session of a model that is all of the graph or a stretch of it. */
  readonly openSession: (
    model: Uint8Array,
    options: Omit<SessionOptions, "threads">,
  ) => Promise<Session>;
  /** Threads of ops that ONNX Runtime does not run. */
  readonly threads: number;
  /** Of weights that are widened at a time; default: as {@linkcode segments} has it. */
  readonly segmentBytes?: number;
}

/** What a stage calls an output of the graph. */
export function resultName(output: string): string {
  return `result ${output}`;
}

/**
 * Compiles a graph.
 *
 * @throws {GraphError} if two inputs of one name differ in shape or type.
 */
export async function compileStages(
  outputs: Readonly<Record<string, Value>>,
  { openSession, threads, segmentBytes }: CompileOptions,
): Promise<Compiled> {
  const inputs = inputsOf(outputs);
  const formed = formations(outputs);
  const isFed = (value: Value) => value.name !== null || formed.has(value);
  const given = new Map([...formed.keys()].map((value, index) => [value, `formed ${index}`]));
  const largest = topologicalOrder(Object.values(outputs))
    .reduce((most, { shape }) => Math.max(most, elementCount(shape)), 0);
  const stages: Stage[] = [];
  try {
    const all = segments(Object.values(outputs), { isFed, isAlone: isTeamOp, most: segmentBytes });
    for (const { cut, outputs: values } of all) {
      for (const value of cut) given.set(value, given.get(value) ?? `computed ${given.size}`);
      const results = Object.entries(outputs).flatMap(([name, value]) =>
        values.includes(value) ? [[resultName(name), value] as const] : []
      );
      const others = values.filter((value) => !results.some(([, each]) => each === value))
        .map((value, index) => [`passed on ${index}`, value] as const);
      const named = [...results, ...others];
      const alone = values.find(isTeamOp);
      if (alone) {
        const names = alone.inputs.map((value) => value.name ?? given.get(value)!);
        const inputs = new Map(names.map((name, index) => [name, alone.inputs[index]]));
        stages.push({
          computes: new TeamStage(alone, names, threads),
          inputs,
          outputs: new Map(named),
        });
      } else {
        const model = encodeModel(Object.fromEntries(named), given);
        const computes = await openSession(model.bytes, { isStretch: all.length > 1, largest });
        stages.push({ ...model, computes });
      }
    }
  } catch (error) {
    for (const { computes } of stages) await computes.release();
    throw error;
  }
  return { inputs, outputs, formations: formed, stages };
}

function inputsOf(outputs: Readonly<Record<string, Value>>): Map<string, Value> {
  const inputs = new Map<string, Value>();
  for (const value of topologicalOrder(Object.values(outputs))) {
    if (value.name !== null) declare(value.name, value, inputs);
  }
  return inputs;
}
