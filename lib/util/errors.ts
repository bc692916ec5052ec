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

/** Most characters of a value, a name or a path that a message shows: about a line. */
const LONGEST = 300;
/** Most parts of a list or an object that a message shows, and how deep it looks into them. */
const MOST_PARTS = 8;
const DEEPEST = 2;

function describe(fault: Fault): string {
  const place = [
    fault.file && `file '${oneLine(fault.file, 4096)}'`,
    fault.tensor && `tensor '${oneLine(fault.tensor)}'`,
    fault.operation && `operation '${oneLine(fault.operation)}'`,
    fault.option && `option '${oneLine(fault.option)}'`,
  ].filter(Boolean).join(", ");
  const found = fault.value === undefined ? "" : `: got ${format(fault.value)}`;
  const expected = oneLine(fault.expected, 4096);
  return `${place ? `${place}: ` : ""}${oneLine(fault.problem)}${found}; expected ${expected}`;
}

function format(value: unknown): string {
  return typeof value === "string" ? `'${oneLine(value)}'` : oneLine(parts(value, 0));
}

/** Looks at a bounded part of a value, however large and deep it is. */
function parts(value: unknown, depth: number): string {
  if (typeof value === "string") return `'${value.slice(0, LONGEST)}'`;
  if (typeof value !== "object" || value === null) return String(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const all = Array.isArray(value) ? value : Object.entries(value);
  if (depth === DEEPEST && all.length > 0) return `${open}…${close}`;
  const shown = all.slice(0, MOST_PARTS).map((part) =>
    Array.isArray(value)
      ? parts(part, depth + 1)
      : `${part[0].slice(0, LONGEST)}: ${parts(part[1], depth + 1)}`
  );
  if (all.length > MOST_PARTS) shown.push("…");
  return open + shown.join(", ") + close;
}

/** A text without line breaks and control characters; of a long one, its start and its end. */
function oneLine(text: string, longest = LONGEST): string {
  const short = text.length <= longest
    ? text
    : `${text.slice(0, longest >> 1)}…${text.slice(-(longest >> 1))}`;
  // deno-lint-ignore no-control-regex
  return short.toWellFormed().replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, " ");
}

/**
 * Base class: anything a user can cause and mend.
 *
 * @example
 * ```ts
 * import { InputError, TextError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const error = new TextError({ problem: "is empty", file: "a.txt", expected: "a word" });
 * assert.equal(error.message, "file 'a.txt': is empty; expected a word");
 * assert.ok(error instanceof InputError);
 * ```
 */
export class InputError extends Error {
  /** The parts of the message, for programs. */
  readonly fault: Readonly<Fault>;

  /** Words the message from its parts. */
  constructor(fault: Fault) {
    super(describe(fault), { cause: fault.cause });
    this.name = new.target.name;
    this.fault = fault;
  }
}

/** A file of tensors that cannot be read to its end, or has no such tensor. */
export class TensorFileError extends InputError {}
/** A safetensors file that cannot be read as one. */
export class SafetensorsError extends TensorFileError {}
/** A PyTorch file that cannot be read or written as one, or holds what is no state dict. */
export class TorchError extends TensorFileError {}
/** A `config.json` that is missing, malformed or of an unsupported architecture. */
export class ConfigError extends InputError {}
/** A checkpoint whose tensors are missing, misshapen or not finite; a base and fine-tune that do not match. */
export class CheckpointError extends InputError {}
/** What the Hugging Face Hub refuses, lacks or answers otherwise than it should, or a network that is not there. */
export class HubError extends InputError {}
/** A file or folder that a repository of the Hub does not have, or without a network the cache. */
export class HubFileError extends HubError {}
/** What the Hub does not have, or not for who asks: another name helps, and waiting does not. */
export class HubRefusalError extends HubError {}
/** A tokenizer that is missing, malformed or does not fit its model. */
export class TokenizerError extends InputError {}
/** A delta file that is malformed or was made for another base. */
export class DeltaError extends InputError {}
/** Numbers that have left what floats hold: a model, a delta or a training that gives NaN or infinity. */
export class DivergenceError extends InputError {}
/** A symmetric matrix that has no Cholesky factor: with fewer tokens than features, or dead ones, and no ridge. */
export class NotPositiveDefiniteError extends InputError {}
/** A text that is empty, too short or of an unknown domain. */
export class TextError extends InputError {}
/** An option out of its bounds or unknown. */
export class OptionError extends InputError {}
/** A folder or file that cannot be written. */
export class OutputError extends InputError {}
/** Operands of a graph operation whose shapes do not fit. */
export class GraphError extends InputError {}
/** A text in the making, or a tenant, that cannot be served. */
export class ServingError extends InputError {}
/** A GPU that is missing, lost or out of memory, or a kernel that it refuses or that goes wrong on it. */
export class DeviceError extends InputError {}

/** A device that has no room for what is asked of it. */
export class DeviceMemoryError extends DeviceError {}

/**
 * Runs `action`; an error of the class `kind` that names no file is thrown anew with `file` as its place.
 *
 * @throws what `action` throws.
 *
 * @example
 * ```ts
 * import { nameFile, TextError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const fails = () => Promise.reject(new TextError({ problem: "is empty", expected: "a word" }));
 * await assert.rejects(nameFile("a.txt", TextError, fails), /^TextError: file 'a.txt': is empty/);
 * ```
 */
export async function nameFile<T>(
  file: string,
  kind: new (fault: Fault) => InputError,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof kind) || error.fault.file !== undefined) throw error;
    throw new kind({ ...error.fault, file });
  }
}
