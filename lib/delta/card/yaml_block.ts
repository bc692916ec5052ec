/**
 * The block of metadata at the head of a model card, between two lines of dashes. Every text is quoted as JSON quotes
 * it, which YAML of any version reads, with all escaped that a reader of YAML may refuse. Not here: what is
 * said (`model_card.ts`), and reading a card (`read_card.ts`).
 */

/** What a field of the block can be. */
export type YamlValue =
  | string
  | number
  | boolean
  | readonly YamlValue[]
  | { readonly [name: string]: YamlValue };

/** Fields in their order; those that are `null` or hold nothing are left out. */
export function yamlBlock(fields: Readonly<Record<string, YamlValue | null>>): string {
  const lines = Object.entries(fields).flatMap(([name, value]) => {
    if (value === null || value === "" || Array.isArray(value) && value.length === 0) return [];
    if (!Array.isArray(value)) return [`${name}: ${quoted(value)}`];
    return [`${name}:`, ...value.map((each) => `- ${quoted(each)}`)];
  });
  return ["---", ...lines, "---", ""].join("\n");
}

/**
 * What is not printable by YAML 1.1, section 5.1, JSON leaves as it is: DEL, C1, separators of lines, marks of
 * byte order and what is no character.
 */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

function quoted(value: YamlValue): string {
  return JSON.stringify(value, (_, each) => {
    if (typeof each === "string") return each.toWellFormed();
    return typeof each === "number" ? rawJson(withPoint(String(each))) : each;
  })
    .replace(UNPRINTABLE, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A number that YAML 1.1 reads as one: with a point where it has an exponent. */
function withPoint(number: string): string {
  return number.replace(/^(-?\d+)e/, "$1.0e");
}

const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };
