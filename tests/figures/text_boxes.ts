/** Where the texts of a drawn figure lie, and what is wrong with that. */

import { type Element, Window } from "happy-dom";
import { textWidth } from "../../lib/figures/export/fonts.ts";
import {
  type Box,
  compose,
  identity,
  parseTransform,
  transformBox,
} from "../../lib/figures/export/svg_transform.ts";

/** One line of text as drawn. */
export interface TextBox {
  readonly text: string;
  /** On the page, in CSS pixels, as tight as the letters: from cap height to baseline. */
  readonly box: Box;
  /** In points, at print size. */
  readonly points: number;
}

/** Height of capitals and figures as a share of the font's ascent: Source Sans 3 has 0.66 of an em. */
const capHeight = 0.66;

/** Every line of text of an SVG document that is seen. */
export function textBoxes(svg: string): TextBox[] {
  const { DOMParser } = new Window();
  const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  return [...root.querySelectorAll("text")].filter(isSeen).flatMap((text) => {
    const lines = [...text.children].filter((child) => child.classList.contains("line"));
    return lines.length ? lines.map((line) => boxOf(line, text)) : [boxOf(text, text)];
  }).filter(({ text }) => text.trim() !== "");
}

function isSeen(element: Element): boolean {
  for (let owner: Element | null = element; owner; owner = owner.parentElement) {
    const style = owner.getAttribute("style") ?? "";
    if (/display: ?none|visibility: ?hidden|opacity: 0;/.test(style)) return false;
  }
  return true;
}

function boxOf(line: Element, text: Element): TextBox {
  const size = parseFloat(/font-size: ?([\d.]+)px/.exec(text.getAttribute("style") ?? "")![1]);
  const bold = /font-weight: ?(bold|[6-9]00)/.test(line.innerHTML + text.getAttribute("style"));
  // Plotly puts zero-width spaces around subscripts.
  const content = (line.textContent ?? "").replaceAll("\u200b", "");
  const width = textWidth(content, size, { bold, italic: false });
  const anchor = /text-anchor: ?(\w+)/.exec(text.getAttribute("style") ?? "")?.[1] ??
    text.getAttribute("text-anchor") ?? "start";
  const share = { start: 0, middle: 0.5, end: 1 }[anchor]!;
  const x = Number(line.getAttribute("x") ?? text.getAttribute("x") ?? 0);
  const dy = parseFloat(line === text ? "0" : line.getAttribute("dy") ?? "0");
  const baseline = Number(line.getAttribute("y") ?? text.getAttribute("y") ?? 0) + dy * size;
  const local = {
    x: x - share * width,
    y: baseline - capHeight * size,
    width,
    height: capHeight * size,
  };
  let transform = identity;
  for (let owner: Element | null = text; owner; owner = owner.parentElement) {
    transform = compose(parseTransform(owner.getAttribute("transform") ?? ""), transform);
  }
  const smaller = [...text.innerHTML.matchAll(/font-size: ?([\d.]+)(%|px|em)/g)].map(
    ([, value, unit]) =>
      unit === "px" ? Number(value) : Number(value) * size / (unit === "%" ? 100 : 1),
  );
  return {
    text: content,
    box: transformBox(local, transform),
    points: Math.min(size, ...smaller) * 72 / 96,
  };
}

/** Texts that overlap each other, leave the page, or are smaller than `points`. */
export function faultsOf(svg: string, points = 7): string[] {
  const boxes = textBoxes(svg);
  const [width, height] = ["width", "height"].map((side) =>
    Number(new RegExp(`<svg[^>]* ${side}="([\\d.]+)"`).exec(svg)![1])
  );
  const faults = boxes.flatMap(({ text, box, points: size }) => [
    ...box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height
      ? [`'${text}' is cut`]
      : [],
    ...size < points - 0.01 ? [`'${text}' has ${Number(size.toFixed(2))} pt`] : [],
  ]);
  boxes.forEach((one, index) => {
    for (const other of boxes.slice(0, index)) {
      if (overlap(one.box, other.box)) faults.push(`'${other.text}' and '${one.text}' overlap`);
    }
  });
  return faults;
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
    b.y < a.y + a.height;
}
