/** What users call of texts: the embedded ones, and files of their own. */

export * from "./chosen_texts.ts";
export { contentOf, type TextDocument } from "./document.ts";
export { type Domain, domains, evaluationDocuments } from "./domains.ts";
export * from "./folder_texts.ts";
export * from "./named_text.ts";
export { type CalibrationSequences, calibrationSequences } from "./sequences.ts";
export { embeddedTexts, type StudyTexts, type TextNames } from "./study_texts.ts";
export { parseRows, parseTextChoice, type RowChoice, type TextChoice } from "./text_choice.ts";
export {
  describeOrigin,
  portableOrigin,
  type RowCounts,
  shortOrigin,
  type TextOrigin,
} from "./text_origin.ts";
