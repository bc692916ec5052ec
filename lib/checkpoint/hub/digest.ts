/** What git and Git LFS name bytes by, and holding bytes to it. */

import { createHash, type Hash } from "node:crypto";
import { HubError } from "../../util/errors.ts";

/**
 * The hash that gives a file's digest, which is SHA-256 of what is in Git LFS and git's SHA-1 of what is not.
 *
 * @param size bytes of the file: git's has them in it.
 */
export function hashFor(digest: string, size: number): Hash {
  return digest.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

/** The error for bytes that are not those of a digest. */
export function otherDigest(file: string, digest: string): HubError {
  return new HubError({
    problem: "has another digest than its listing says",
    file,
    expected: `bytes with ${digest.length === 64 ? "SHA-256" : "git's SHA-1"} ${digest}`,
  });
}
