/** What users call to publish. */

export { type PublishedFiles, publishedFiles } from "./published_files.ts";
