/** What users call of the files that any study writes. */

export { checkChecksums, writeChecksums } from "./checksums.ts";
export type { Provenance } from "./report_files.ts";
