/** The options of scripts that run graphs: on which device, with how much of it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { deviceChoices, type Engine, formatBytes } from "../lib/mod.ts";
import { wholeNumber } from "./command_line.ts";

/** Adds the options that choose an engine. */
export function withDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--device <name>", "auto takes a real GPU where there is one, else the CPU")
        .choices(deviceChoices).default("auto"),
    )
    .option("--threads <number>", "threads on the CPU; default: one per core", wholeNumber(1, 1024))
    .option(
      "--memory <size>",
      "what the process may hold on the CPU, as 8GB or 800MB, two fifths of it weights; default: weights in half of what is free",
      byteSize,
    )
    .option("--gpu-memory <size>", "of a GPU's memory at most, as 8GB or 800MB", byteSize);
}

/** An engine's device in words, with what of its memory a reader of results should know. */
export function describeDevice(engine: Engine): string {
  const { name, details } = engine;
  const notes = memoryNotes(engine);
  const memory = notes.length === 0 ? "" : `; memory: ${notes.join("; ")}`;
  return `on ${details.device} (${details.chosen}): ${name}${memory}`;
}

/** How much memory was asked for or assumed, and what of the weights did not stay there; nothing where all did. */
export function memoryNotes({ details, memory }: Engine): string[] {
  const { memory: cap } = details.facts;
  const { weights, bytes } = memory.residents.evictions;
  return [
    ...typeof cap === "string" ? [cap] : [],
    ...memory.exceptions,
    ...weights > 0 ? [`${weights} weights gave way, ${formatBytes(bytes)} in all`] : [],
  ];
}

const [SMALLEST, LARGEST] = [1e6, 1e12];
const UNITS: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9 };

/** Parser of a number of bytes. */
export function byteSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(KB|MB|GB)$/i.exec(text) ?? [];
  const bytes = number ? Number(number) * UNITS[unit.toUpperCase()] : NaN;
  if (bytes >= SMALLEST && bytes <= LARGEST) return bytes;
  throw new InvalidArgumentError("expected a size such as 8GB or 800MB, from 1MB to 1000GB.");
}
