/** What a program of one's own needs beside: errors, progress, paths, places to write to. */

export { sha256 } from "./canonical.ts";
export { checkOutputs, type Output, type Place } from "./check_output.ts";
export * from "./errors.ts";
export { isFileSystemError } from "./file_fault.ts";
export { writeFileAtomic } from "./files.ts";
export type { RunKey } from "./journal.ts";
export { significant } from "./numbers.ts";
export * from "./progress.ts";
export * from "./project.ts";
export * from "./time_left.ts";
