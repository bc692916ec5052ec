/**
 * Names from outside as they may be shown: what no reader sees, or what a font lacks, is replaced by its
 * number. Not how a format is escaped; each writer does that.
 */

/** Runs of what stands for nothing on paper, or turns the order of what is beside it. */
const unseen = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u;

/**
 * The text with its control, formatting, private and unassigned characters, line breaks among them, as
 * numbers: `a[U+000A]b`. Joiners stay, which some scripts are not written right without.
 */
export function visible(text: string): string {
  return numbered(text, (character) => !unseen.test(character));
}

/** Says what numbers in a text stand for. */
export const numbersSaid =
  "[U+…] gives characters that cannot be printed here by their Unicode numbers.";

/** Whether a text has numbers that stand for characters. */
export function hasNumbers(text: string): boolean {
  return /\[U\+[0-9A-F]{4}/.test(text);
}

/** The text with each run of characters that are not shown as their numbers: `[U+4E2D U+6587]`. */
export function numbered(text: string, isShown: (character: string) => boolean): string {
  let shown = "";
  let run: string[] = [];
  const close = () => {
    if (run.length > 0) shown += `[${run.join(" ")}]`;
    run = [];
  };
  for (const character of text) {
    if (isShown(character)) {
      close();
      shown += character;
    } else run.push(numberOf(character));
  }
  close();
  return shown;
}

function numberOf(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
