/** Which stretches of a range of bytes are taken and which are free. Knows no memory. */

/** Stretches begin at multiples of it. */
const ALIGNMENT = 64;

interface Extent {
  begin: number;
  end: number;
}

/** Stretches, the lowest first that one fits in. */
export class Extents {
  /** Free ones below the top, by address; no two touch. */
  readonly #free: Extent[] = [];
  /** Where what has never been taken begins, or is free again up to its end. */
  #top: number;

  /** @param begin of the range, a multiple of 64. */
  constructor(begin: number) {
    this.#top = begin;
  }

  /** Where so many bytes begin that end at `most` at the latest; `null` if there are none. */
  take(bytes: number, most: number): number | null {
    const size = whole(bytes);
    const place = this.#free.findIndex(({ begin, end }) =>
      end - begin >= size && begin + size <= most
    );
    if (place >= 0) {
      const extent = this.#free[place];
      const { begin } = extent;
      extent.begin += size;
      if (extent.begin === extent.end) this.#free.splice(place, 1);
      return begin;
    }
    if (this.#top + size > most) return null;
    this.#top += size;
    return this.#top - size;
  }

  /** Takes a stretch back, as it was taken. */
  give(address: number, bytes: number): void {
    const next = this.#free.findIndex(({ begin }) => begin > address);
    const place = next < 0 ? this.#free.length : next;
    this.#free.splice(place, 0, { begin: address, end: address + whole(bytes) });
    this.#join(place);
    this.#join(place - 1);
    if (this.#free.at(-1)?.end === this.#top) this.#top = this.#free.pop()!.begin;
  }

  /** Makes one of a free stretch and the next where they touch. */
  #join(place: number): void {
    const [first, second] = this.#free.slice(place, place + 2);
    if (place < 0 || !second || first.end !== second.begin) return;
    this.#free.splice(place, 2, { begin: first.begin, end: second.end });
  }
}

/** At least one, so that no two begin at the same address. */
function whole(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
}
