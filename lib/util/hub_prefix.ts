/** What names on the Hugging Face Hub begin with, and paths do not. What they mean is `checkpoint/hub`'s business. */

/** `hf:owner/name`. */
export const HUB_PREFIX = "hf:";
