/** Pointers of Git LFS, which stand in a repository's clone where the files that they name were not fetched. */

/** What every pointer begins with: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
export const POINTER = "version https://git-lfs.github.com/spec/";

/** Whether a file of these first bytes, {@linkcode POINTER}'s length of them, is a pointer. */
export function isPointer(start: Uint8Array): boolean {
  return new TextDecoder().decode(start.subarray(0, POINTER.length)) === POINTER;
}
