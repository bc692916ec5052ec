/** Paths that come from elsewhere and that files are written to: none may lead out of its folder. */

/** Parts that a path of the Hub may have: what some system reads as more than a name is not among them. */
// deno-lint-ignore no-control-regex
const PART = /^(?!\.{1,2}$)[^\x00-\x1f\x7f\\/:]+$/;

/** Most characters of a path and of a part; file systems take no more. */
const LONGEST = 1024;
const LONGEST_PART = 255;

/**
 * Whether a relative path, its parts set apart by `/`, names a place below its folder on every system: no
 * empty part, `.` or `..`, drive, backslash or control character.
 */
export function isSafePath(path: string): boolean {
  return path.length <= LONGEST && path.isWellFormed() &&
    path.split("/").every((part) => part.length <= LONGEST_PART && PART.test(part));
}
