/**
 * Finds a name that stands twice in one object of a JSON text. `JSON.parse` keeps the last of the two and
 * says nothing; other readers keep the first or refuse.
 */

/** Objects nested deeper than this are not looked at: the formats read here have none. */
const DEEPEST = 4;

/**
 * The first repeated name of an object at the top or a few levels below, `null` if there is none.
 *
 * @param json a text that `JSON.parse` accepts.
 */
export function repeatedName(json: string): string | null {
  const namesAt: Set<string>[] = [];
  let depth = 0;
  let lastString: [start: number, end: number] = [0, 0];
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case "{":
      case "[":
        if (depth < DEEPEST) namesAt[depth] = new Set();
        depth++;
        break;
      case "}":
      case "]":
        depth--;
        break;
      case '"': {
        const start = at;
        for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
        lastString = [start, at + 1];
        break;
      }
      case ":": {
        if (depth > DEEPEST) break;
        const name: string = JSON.parse(json.slice(...lastString));
        const names = namesAt[depth - 1];
        if (names.has(name)) return name;
        names.add(name);
      }
    }
  }
  return null;
}
