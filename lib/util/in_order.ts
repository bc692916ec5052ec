/** Work on many things that overlaps, whose results are used in their order. */

/** How much work is begun and not yet used. */
export interface Overlap<Item> {
  /** Items at most. */
  readonly most: number;
  /** Bytes at most, unless one item takes more by itself. */
  readonly mostBytes: number;
  /** Bytes that an item holds from when it is begun until its result was used. */
  readonly bytesOf: (item: Item) => number;
}

/**
 * Begins work on items one after another, as many at once as may overlap, and uses each result before that of the
 * item after it. When this throws, all that was begun has ended.
 *
 * @throws what `begin` or `use` throws of the first item in order that fails, and the signal's reason.
 */
export async function inOrder<Item, Result>(
  items: Iterable<Item>,
  { most, mostBytes, bytesOf }: Overlap<Item>,
  begin: (item: Item) => Promise<Result>,
  use: (item: Item, result: Result) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const begun: { readonly item: Item; readonly bytes: number; readonly result: Promise<Result> }[] =
    [];
  let held = 0;
  const useFirst = async () => {
    const { item, bytes, result } = begun[0];
    await use(item, await result);
    begun.shift();
    held -= bytes;
  };
  try {
    for (const item of items) {
      const bytes = bytesOf(item);
      while (begun.length === most || begun.length > 0 && held + bytes > mostBytes) {
        await useFirst();
      }
      signal?.throwIfAborted();
      const result = begin(item);
      // What fails is told in its turn.
      result.catch(() => {});
      begun.push({ item, bytes, result });
      held += bytes;
    }
    while (begun.length > 0) {
      await useFirst();
      signal?.throwIfAborted();
    }
  } finally {
    await Promise.allSettled(begun.map(({ result }) => result));
  }
}
