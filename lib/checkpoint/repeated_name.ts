/**
 * Finds a name that stands twice in one object of a JSON text. `JSON.parse` keeps the last of the two and
 * says nothing; other readers keep the first or refuse.
 */

/** Objects nested deeper than this are not looked at: the formats read here have none. */
const DEEPEST = 4;

const [QUOTE, COLON, BACKSLASH] = ['"', ":", "\\"].map((each) => each.charCodeAt(0));
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [..."{}[]"].map((each) =>
  each.charCodeAt(0)
);

/**
 * The first repeated name of an object at the top or a few levels below, `null` if there is none.
 *
 * @param json a text that `JSON.parse` accepts.
 */
export function repeatedName(json: string): string | null {
  const namesAt: Set<string>[] = [];
  let depth = 0;
  let [start, end] = [0, 0];
  let isEscaped = false;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (depth < DEEPEST) (namesAt[depth] ??= new Set()).clear();
        depth++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        break;
      case QUOTE:
        start = at++;
        isEscaped = false;
        for (; json.charCodeAt(at) !== QUOTE; at++) {
          if (json.charCodeAt(at) !== BACKSLASH) continue;
          isEscaped = true;
          at++;
        }
        end = at + 1;
        break;
      case COLON: {
        if (depth > DEEPEST) break;
        // One name may be written in several ways.
        const name: string = isEscaped
          ? JSON.parse(json.slice(start, end))
          : json.slice(start + 1, end - 1);
        const names = namesAt[depth - 1];
        if (names.has(name)) return name;
        names.add(name);
      }
    }
  }
  return null;
}
