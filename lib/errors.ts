/**
 * The errors of this library: one class an area, one sentence a message.
 *
 * A message names where the fault is (file, tensor or option), what was found and what was
 * expected, so that it can be acted on without reading code. Not here: any handling of errors;
 * `lib/` throws, scripts print.
 */

/** Where a fault is, what was found there and what should have been. */
export interface Fault {
  /** What is wrong, in a few words: `"header is truncated"`. */
  problem: string;
  /** File or folder at fault. */
  file?: string;
  /** Tensor at fault, by its name in the checkpoint. */
  tensor?: string;
  /** Operation of a graph at fault, with its shapes: `"matmul [4, 8] × [8, 2]"`. */
  operation?: string;
  /** Option or field at fault: `"--method"`, `"hidden_size"`. */
  option?: string;
  /** The value found. */
  value?: unknown;
  /** What was expected in its place. */
  expected: string;
  /** The error that revealed the fault, if any. */
  cause?: unknown;
}

function describe(fault: Fault): string {
  const place = [
    fault.file && `file '${fault.file}'`,
    fault.tensor && `tensor '${fault.tensor}'`,
    fault.operation && `operation '${fault.operation}'`,
    fault.option && `option '${fault.option}'`,
  ].filter(Boolean).join(", ");
  const found = fault.value === undefined ? "" : `: got ${format(fault.value)}`;
  return `${place ? `${place}: ` : ""}${fault.problem}${found}; expected ${fault.expected}`;
}

function format(value: unknown): string {
  if (typeof value === "string") return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(format).join(", ")}]`;
  return String(value);
}

/** Base class: anything a user can cause and mend. */
export class InputError extends Error {
  /** The parts of the message, for programs. */
  readonly fault: Readonly<Fault>;

  constructor(fault: Fault) {
    super(describe(fault), { cause: fault.cause });
    this.name = new.target.name;
    this.fault = fault;
  }
}

/** A safetensors file that cannot be read as one. */
export class SafetensorsError extends InputError {}
/** A `config.json` that is missing, malformed or of an unsupported architecture. */
export class ConfigError extends InputError {}
/** A checkpoint whose tensors are missing, misshapen or not finite; a base and fine-tune that do not match. */
export class CheckpointError extends InputError {}
/** A tokenizer that is missing, malformed or does not fit its model. */
export class TokenizerError extends InputError {}
/** A delta file that is malformed or was made for another base. */
export class DeltaError extends InputError {}
/** A text that is empty, too short or of an unknown domain. */
export class TextError extends InputError {}
/** An option out of its bounds or unknown. */
export class OptionError extends InputError {}
/** A folder or file that cannot be written. */
export class OutputError extends InputError {}
/** Operands of a graph operation whose shapes do not fit. */
export class GraphError extends InputError {}
/** A GPU that is missing, lost or out of memory, or a kernel that it refuses or that goes wrong on it. */
export class DeviceError extends InputError {}
