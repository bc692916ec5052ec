/**
 * Texts that tokenizers get wrong: many scripts, marks that combine and that turn the direction, code, emoji of
 * several parts, what no vocabulary has, white space of all kinds, words without end, special tokens inside text,
 * halves of surrogate pairs, and random Unicode.
 */

import { SeededRandom } from "../../lib/util/random.ts";

const SCRIPTS = [
  "The quick brown fox doesn't jump; it's WE'LL and I'd've.",
  "Ça coûte 3,50 € à l'œuvre; où naïf garçon?",
  "Fräulein Müßiggänger prüft die Größe.",
  "Zażółć gęślą jaźń, Łódź.",
  "Tiếng Việt có dấu: nghiễm nhiên, ưỡn ẹo.",
  "İstanbul'da ılık çığlık şöyle ğ.",
  "Съешь же ещё этих мягких французских булок, да выпей чаю.",
  "Щастя, їжак, ґанок, об'єкт.",
  "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία· ἐν ἀρχῇ ἦν ὁ λόγος.",
  "الحروف العربية مُشَكَّلَةٌ: قَلَمٌ، ٣٫١٤ والسلام.",
  "‏مرحبا (123) بالعالم‎ — abc",
  "בְּרֵאשִׁית בָּרָא אֱלֹהִים את השמיים",
  "हिन्दी में क्षत्रिय, ज्ञान और श्रृंखला।",
  "ภาษาไทยไม่มีการเว้นวรรคระหว่างคำ น้ำใจ",
  "我能吞下玻璃而不伤身体。「繁體」与简体，１２３。",
  "私はガラスを食べられます。それは私を傷つけません。ヷヸ ﾊﾝｶｸ",
  "나는 유리를 먹을 수 있어요. 그래도 아프지 않아요. ᄒᆞᆫ글",
  "தமிழ் எழுத்து க்ஷௌ",
  "ქართული ენა, ՀԱՅԵՐԵՆ, አማርኛ ፊደል",
  "བོད་སྐད་ ខ្មែរ မြန်မာ ලංකා",
];
const CODE = [
  "def f(x: int) -> list[int]:\n    return [i ** 2 for i in range(x) if i % 2 == 0]\n",
  "for (let i = 0; i < n; i++) {\n\t\tsum += a[i] ?? 0; // ∑\n\t}\n",
  "SELECT COUNT(*) FROM \"t\" WHERE a LIKE '%\\_x%' AND b >= 1e-10;",
  '#include <stdio.h>\r\nint main(void) { printf("%d\\n", 0x7fff); }\r\n',
  "<div class=\"a-b\" data-x='1'>&nbsp;</div><!-- <s> -->",
  "\\frac{\\partial f}{\\partial x_{i}} = \\sum_{j=1}^{n} w_{ij} \\cdot x_j",
  "https://example.org/a/b?c=d&e=%20f#g user@host.example 10.0.0.1 ../../x",
  '{"key": [1, 2.50, null, true], "ключ": "\\u00e9"}',
  "        deeply      indented\n            more\n\n\n\nless",
  '$ git log --oneline | head -n 20 && echo "${HOME}" > /dev/null',
];
const EMOJI = ["👩‍👩‍👧‍👦", "🤷🏽‍♀️", "🏳️‍🌈", "🇩🇪🇯🇵", "1️⃣", "❤️", "☺︎", "👨🏿‍🚀", "🫠", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🙂🙃"];
const RARE = [
  "𐍈",
  "𓀀𓂀",
  "🜁",
  "\ufffd",
  "\ue000",
  "𝔘𝔫𝔦",
  "𠜎𠜱",
  "ꙮ",
  "\u0000",
  "\u0007",
  "\u007f",
  "\u{10ffff}",
  "﷽",
  "𒐫",
  "ﬁ",
  "½",
  "Ⅳ",
  "ª",
  "①",
];
const MARKS = [
  "e\u0301",
  "é",
  "A\u030a",
  "Å",
  "\u1e9b\u0323",
  "a\u0315\u0300\u05ae\u0062",
  "Z\u0351\u0343\u0300\u0349a\u0334\u0335l",
  "\u0301",
  "\u200f",
  "\u202b",
  "\u202c",
  "\u200b",
  "\u200c",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "한",
  "\u1112\u1161\u11ab",
  "क\u093c",
  "\u0958",
];
const SPACE = [
  " ",
  "  ",
  "   ",
  " ".repeat(17),
  "\t",
  "\t\t",
  "\n",
  "\n\n",
  "\n\n\n\n\n",
  "\r\n",
  "\r",
  " \n ",
  "\n\t\n",
  "\u00a0",
  "\u3000",
  "\u2028",
  "\u2029",
  "\u0085",
  "\u2009",
  "\u000b\u000c",
  "▁",
  "▁▁",
];
const NUMBERS = [
  "1234567890",
  "3.14159",
  "1,000,000",
  "0x1F",
  "2026-11-27T03:15:00Z",
  "٣٤٥",
  "１２３",
  "१२३",
  "1e-5",
  "007",
  "99%",
];
const HALVES = ["\ud83d", "\ude00", "\ud800\ud800", "a\udfffb", "\udc00\ud800"];
const WORDS = [
  "a",
  "the",
  "of",
  "Zürich",
  "naïve",
  "internationalization",
  "pneumonoultramicroscopicsilicovolcanoconiosis",
  "don't",
  "WE'LL",
  "'s",
  "’s",
  "x_y",
  "camelCaseWord",
  "...",
  "--",
  "?!",
  "Привет",
  "中文",
  "한국어",
  "日本",
];

/** Words without end, of 10,000 characters. */
function longWords(random: SeededRandom): string[] {
  const letters = (alphabet: string) =>
    Array.from({ length: 10_000 }, () => alphabet[random.integer(alphabet.length)]).join("");
  return [
    letters("abcdefghijklmnopqrstuvwxyz"),
    letters("аеи的一是=-01"),
    " ".repeat(10_000),
    `${"a".repeat(5000)} ${"\n".repeat(4999)}`,
  ];
}

/** Characters of any plane, no halves of pairs. */
function randomUnicode(random: SeededRandom): string {
  const ends = [0x80, 0x800, 0x3000, 0xd800, 0x11000, 0x20000, 0x110000];
  return Array.from({ length: 1 + random.integer(20) }, () => {
    const point = random.integer(ends[random.integer(ends.length)]);
    return String.fromCodePoint(point >= 0xd800 && point < 0xe000 ? point - 0x800 : point);
  }).join("");
}

/**
 * As many different texts as asked for, the same for a seed.
 *
 * @param special tokens that some of them have inside.
 */
export function hardTexts(special: readonly string[], count: number, seed: number): string[] {
  const random = new SeededRandom(seed);
  const one = (pool: readonly string[]) => pool[random.integer(pool.length)];
  const some = (most: number, ...pools: (readonly string[])[]) =>
    Array.from({ length: 1 + random.integer(most) }, () => one(pools[random.integer(pools.length)]))
      .join(random.integer(2) ? "" : " ");
  const kinds: (() => string)[] = [
    () => some(3, SCRIPTS),
    () => some(2, CODE),
    () => some(8, EMOJI, WORDS, RARE),
    () => some(10, RARE, MARKS, WORDS),
    () => some(12, SPACE, WORDS),
    () => one(SPACE) + some(6, WORDS, NUMBERS, SPACE) + one(SPACE),
    () => some(8, WORDS, special, SPACE),
    () => one(special) + some(3, SCRIPTS, special, CODE) + one([...special, ""]),
    () => some(6, HALVES, WORDS, EMOJI),
    () => some(10, NUMBERS, WORDS, SPACE),
    () => one(SCRIPTS).normalize(one(["NFC", "NFD", "NFKC", "NFKD"])) + some(4, MARKS),
    () => one(SCRIPTS).slice(random.integer(20)) + one(HALVES),
    () => randomUnicode(random),
    () => randomUnicode(random) + some(4, WORDS, SPACE, special),
    () => some(15, WORDS, SPACE, NUMBERS, MARKS, EMOJI, SCRIPTS),
  ];
  const texts = new Set(["", " ", "\n", "\ufeff", ...longWords(random), ...special]);
  for (const text of [...SCRIPTS, ...CODE]) texts.add(text);
  while (texts.size < count) texts.add(kinds[texts.size % kinds.length]());
  return [...texts].slice(0, count);
}
