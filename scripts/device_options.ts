/** The options of scripts that run graphs: on which device, with how much of it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { deviceChoices, type Engine } from "../lib/mod.ts";
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
      "of this machine's memory at most, as 8GB or 800MB, on the CPU; default: half of what is free",
      byteSize,
    )
    .option("--gpu-memory <size>", "of a GPU's memory at most, as 8GB or 800MB", byteSize);
}

/** An engine's device in words. */
export function describeDevice({ name, details }: Engine): string {
  return `on ${details.device} (${details.chosen}): ${name}`;
}

const [SMALLEST, LARGEST] = [1e6, 1e12];
const UNITS: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9 };

function byteSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(KB|MB|GB)$/i.exec(text) ?? [];
  const bytes = number ? Number(number) * UNITS[unit.toUpperCase()] : NaN;
  if (bytes >= SMALLEST && bytes <= LARGEST) return bytes;
  throw new InvalidArgumentError("expected a size such as 8GB or 800MB, from 1MB to 1000GB.");
}
