/**
 * What a notebook shows: one thing in several representations, of which each reader takes the best
 * that it knows. Made here and in the files beside; where it is shown, `screen.ts` says.
 *
 * No view has `text/html`. A notebook that its reader has not trusted may not show it, and it would
 * win over the picture or table beside it.
 */

import { plainParagraphs } from "./plain_text.ts";

/** Representations of one thing by MIME type, as Jupyter's display messages have them. */
export interface View {
  /** `text/plain` is always there; binary representations are base64, JSON ones are objects. */
  readonly data: { readonly "text/plain": string; readonly [mimeType: string]: unknown };
  /** By MIME type: the size at which a picture is to be shown. */
  readonly metadata: { readonly [mimeType: string]: unknown };
}

/** Text with Markdown's marks and LaTeX between dollar signs; as plain text without the marks. */
export function textView(markdown: string): View {
  return {
    data: { "text/markdown": markdown, "text/plain": plainParagraphs(markdown) },
    metadata: {},
  };
}

/** Text as it stands, in letters of one width. */
export function plainView(text: string): View {
  return { data: { "text/plain": text }, metadata: {} };
}
