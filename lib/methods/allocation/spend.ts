/**
 * Which of several forms each layer takes where all together may take so many bytes: steps along the lower convex
 * hulls of cost against bytes, steepest first, as a Lagrangian takes them, and then whatever still fits. Pure
 * numbers: what a cost is, and how bytes are counted, is not its concern.
 */

/** One form that a layer may take. */
export interface Option {
  /** What it takes of the budget, alone. */
  readonly bytes: number;
  /** What it does harm; 0 or more. */
  readonly cost: number;
}

/**
 * The forms that cost least in sum, as far as greed finds them: with as many as fit in the end, no single change to
 * another form both fits and costs less.
 *
 * @param options of each layer, in any order, one or more.
 * @param sizeOf what a choice takes in all, which may be more than the sum of its options' bytes, by a header.
 * @returns index of an option for each layer; `null` if not even the least of all fits.
 */
export function spend(
  options: readonly (readonly Option[])[],
  limit: number,
  sizeOf: (choice: readonly number[]) => number,
): number[] | null {
  const choice = leastChoice(options);
  if (sizeOf(choice) > limit) return null;
  const fits = (layer: number, option: number) => {
    const changed = choice.with(layer, option);
    // What a header adds is asked for where the rest would do.
    const bytes = options.reduce((sum, each, at) => sum + each[changed[at]].bytes, 0);
    return bytes <= limit && sizeOf(changed) <= limit;
  };
  const hulls = options.map(lowerHull);
  const open = new Set(options.keys());
  while (open.size > 0) {
    const steps = [...open].map((layer) => ({ layer, option: nextOf(hulls[layer], choice[layer]) }))
      .filter(({ option }) => option !== null)
      .map(({ layer, option }) => ({ layer, option: option!, gain: gainOf(layer, option!) }));
    if (steps.length === 0) break;
    const { layer, option } = steps.reduce((best, each) => each.gain > best.gain ? each : best);
    if (fits(layer, option)) choice[layer] = option;
    else open.delete(layer);
  }
  for (;;) {
    const changes = options.flatMap((each, layer) =>
      each.map(({ cost }, option) => ({
        layer,
        option,
        saved: each[choice[layer]].cost - cost,
      }))
    ).filter(({ saved }) => saved > 0).toSorted((a, b) => b.saved - a.saved);
    const change = changes.find(({ layer, option }) => fits(layer, option));
    if (!change) return choice;
    choice[change.layer] = change.option;
  }

  function gainOf(layer: number, option: number): number {
    const [from, to] = [options[layer][choice[layer]], options[layer][option]];
    return (from.cost - to.cost) / (to.bytes - from.bytes);
  }
}

/** The option of fewest bytes of each layer; of those the one that costs least. */
export function leastChoice(options: readonly (readonly Option[])[]): number[] {
  return options.map((each) => each.indexOf(inOrder(each)[0]));
}

/** The option that follows on a hull; `null` after its last. */
function nextOf(hull: readonly number[], option: number): number | null {
  return hull[hull.indexOf(option) + 1] ?? null;
}

/** Indices of the options of which none other, and no mixture of two others, costs less in as many bytes. */
function lowerHull(options: readonly Option[]): number[] {
  const hull: Option[] = [];
  const isAbove = (a: Option, b: Option, c: Option) =>
    (b.cost - a.cost) * (c.bytes - a.bytes) >= (c.cost - a.cost) * (b.bytes - a.bytes);
  for (const option of inOrder(options)) {
    if (hull.length > 0 && option.cost >= hull.at(-1)!.cost) continue;
    while (hull.length > 1 && isAbove(hull.at(-2)!, hull.at(-1)!, option)) hull.pop();
    hull.push(option);
  }
  return hull.map((option) => options.indexOf(option));
}

function inOrder(options: readonly Option[]): Option[] {
  return options.toSorted((a, b) => a.bytes - b.bytes || a.cost - b.cost);
}
