/**
 * That series can be told apart by every reader: CIEDE2000 distances under simulated colour-blindness
 * (Machado, Oliveira and Fernandes 2009, full severity), CIE lightness in grey, and lines' dashes and
 * markers. The arithmetic is culori's.
 */

import assert from "node:assert/strict";
import * as culori from "culori";
import { modelLook } from "../../lib/figures/models.ts";
import { baseGrey, palette, type SeriesLook } from "../../lib/figures/style.ts";
import {
  layerKindGroups,
  layerKindLooks,
} from "../../lib/studies/anatomy_of_a_delta/layer_kind.ts";

/** The part of culori that is used here; the package brings no types. */
interface Culori {
  differenceCiede2000(): (a: unknown, b: unknown) => number;
  lab(colour: string): { readonly l: number };
  wcagContrast(a: string, b: string): number;
  filterDeficiencyProt(severity: number): (colour: string) => unknown;
  filterDeficiencyDeuter(severity: number): (colour: string) => unknown;
  filterDeficiencyTrit(severity: number): (colour: string) => unknown;
}

const { differenceCiede2000, lab, wcagContrast, ...filters } = culori as unknown as Culori;
const difference = differenceCiede2000();

const visions: Record<string, (colour: string) => unknown> = {
  "normal sight": (colour) => colour,
  protanopia: filters.filterDeficiencyProt(1),
  deuteranopia: filters.filterDeficiencyDeuter(1),
  tritanopia: filters.filterDeficiencyTrit(1),
};

const methods = [
  ...["base", "fine", "initial"].map((method) => modelLook({ method, variant: null })),
  ...["distilled", "activation-aware"].flatMap((method) =>
    ["study-faithful", "corrected"].map((variant) => modelLook({ method, variant }))
  ),
];

/** What stands together in a panel, with the least step of CIE L* between its series. */
const panels: Record<string, { looks: readonly SeriesLook[]; lightness: number }> = {
  methods: { looks: methods, lightness: 6.5 },
  "attention layers": { looks: layerKindGroups.Attention.map(look), lightness: 12 },
  "MLP layers": { looks: layerKindGroups.MLP.map(look), lightness: 12 },
};

function look(kind: keyof typeof layerKindLooks): SeriesLook {
  return layerKindLooks[kind];
}

function pairs<Item>(items: readonly Item[]): [Item, Item][] {
  return items.flatMap((a, index) => items.slice(index + 1).map((b): [Item, Item] => [a, b]));
}

/** A just noticeable difference is about 2; neighbours in common palettes are 10 to 20 apart. */
const leastDifference = 15;

for (const [name, { looks, lightness }] of Object.entries(panels)) {
  for (const [vision, seen] of Object.entries(visions)) {
    Deno.test(`colours of ${name} are apart with ${vision}`, () => {
      for (const [a, b] of pairs(looks)) {
        const apart = difference(seen(a.colour), seen(b.colour));
        assert.ok(apart >= leastDifference, `${a.label}, ${b.label}: ${apart}`);
      }
    });
  }

  Deno.test(`colours of ${name} climb in lightness by steps that grey keeps`, () => {
    const sorted = looks.map(({ colour }) => lab(colour).l).sort((a, b) => a - b);
    sorted.slice(1).forEach((l, index) => assert.ok(l - sorted[index] >= lightness, `${sorted}`));
  });

  Deno.test(`lines of ${name} differ in dash or marker`, () => {
    for (const [a, b] of pairs(looks)) {
      assert.ok(
        a.dash !== b.dash || a.marker !== b.marker || a.open !== b.open,
        `${a.label}, ${b.label}`,
      );
    }
  });

  Deno.test(`colours of ${name} stand out from white paper`, () => {
    for (const { label, colour } of looks) assert.ok(wcagContrast(colour, "#fff") >= 2.4, label);
  });
}

Deno.test("the seven layer kinds are apart from each other across panels too", () => {
  for (const seen of Object.values(visions)) {
    for (const [a, b] of pairs(Object.values(layerKindLooks))) {
      const apart = difference(seen(a.colour), seen(b.colour));
      assert.ok(apart >= leastDifference, `${a.label}, ${b.label}: ${apart}`);
    }
  }
});

/** Thirty colours have less room than seven; still several times what is just noticeable. */
const leastOfMany = 7.8;

for (const [vision, seen] of Object.entries(visions)) {
  Deno.test(`all colours of the palette, base and fine-tune are apart with ${vision}`, () => {
    const colours = [baseGrey, "#000000", ...Object.values(palette).flatMap(Object.values)];
    assert.ok(colours.length >= 30);
    for (const [a, b] of pairs(colours)) {
      const apart = difference(seen(a), seen(b));
      assert.ok(apart >= leastOfMany, `${a}, ${b}: ${apart}`);
    }
  });
}

Deno.test("each hue has a light and a dark shade, both of which stand out from white paper", () => {
  for (const [hue, { light, dark }] of Object.entries(palette)) {
    assert.ok(lab(light).l >= lab(dark).l + 12, hue);
    for (const shade of [light, dark]) assert.ok(wcagContrast(shade, "#fff") >= 2.4, hue);
  }
});
