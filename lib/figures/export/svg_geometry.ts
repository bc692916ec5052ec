/**
 * Where SVG elements lie, computed from their attributes and the fonts' metrics: the answers of
 * `getBBox`, `getBoundingClientRect` and `getTotalLength` for a DOM that does no layout. Not a
 * style engine: styles are read from attributes and inline `style`, as plotly.js writes them.
 */

import type { Element, Node } from "happy-dom";
import SVGPathCommander from "svg-path-commander";
import { lineExtent, textWidth } from "./fonts.ts";
import {
  type Box,
  compose,
  identity,
  parseTransform,
  transformBox,
  unionBox,
} from "./svg_transform.ts";

/** The font size of text that names none, as in browsers for plotly's own container. */
const defaultFontSize = 12;

const elementNode = 1;
const textNode = 3;

const invisible = new Set(["defs", "clippath", "style", "title"]);

function styleOf(element: Element, property: string): string {
  for (const declaration of (element.getAttribute("style") ?? "").split(";")) {
    const [name, value] = declaration.split(":");
    if (name.trim() === property && value !== undefined) return value.trim();
  }
  return element.getAttribute(property) ?? "";
}

/** The value of an inherited property and the element that sets it. */
function inherited(element: Element, property: string): { value: string; owner: Element } | null {
  for (let owner: Element | null = element; owner; owner = owner.parentElement) {
    const value = styleOf(owner, property);
    if (value) return { value, owner };
  }
  return null;
}

function fontSize(element: Element): number {
  const found = inherited(element, "font-size");
  if (!found) return defaultFontSize;
  const size = parseFloat(found.value);
  const parent = () => found.owner.parentElement ? fontSize(found.owner.parentElement) : 1;
  if (found.value.endsWith("%")) return size / 100 * parent();
  return found.value.endsWith("em") ? size * parent() : size;
}

function isBold(element: Element): boolean {
  const weight = inherited(element, "font-weight")?.value ?? "normal";
  return weight === "bold" || Number(weight) >= 600;
}

const isItalic = (element: Element) => inherited(element, "font-style")?.value === "italic";

const childElements = (element: Element) => [...element.children];

/** Advance width in pixels of the text in `element` and its children, on one line. */
export function textLength(element: Element): number {
  const style = { bold: isBold(element), italic: isItalic(element) };
  let width = 0;
  for (const child of element.childNodes as Iterable<Node>) {
    if (child.nodeType === textNode) {
      width += textWidth(child.textContent ?? "", fontSize(element), style);
    } else if (child.nodeType === elementNode) {
      width += textLength(child as Element);
    }
  }
  return width;
}

const numberOf = (element: Element, attribute: string) =>
  parseFloat(element.getAttribute(attribute) ?? "") || 0;

/** Box of a `<text>`: plotly.js writes broken text as `<tspan class="line" dy="1.3em">`. */
function textBox(text: Element): Box {
  const size = fontSize(text);
  const lines = childElements(text).filter((child) => child.classList.contains("line"));
  const rows = lines.length ? lines : [text];
  const width = Math.max(...rows.map(textLength));
  if (width === 0) return unionBox([]);
  const baselines = lines.length ? lines.map((line) => numberOf(line, "dy") * size) : [0];
  const { ascent, descent } = lineExtent();
  const top = Math.min(...baselines) - ascent * size;
  const bottom = Math.max(...baselines) + descent * size;
  const anchor = inherited(text, "text-anchor")?.value;
  const share = anchor === "middle" ? 0.5 : anchor === "end" ? 1 : 0;
  return {
    x: numberOf(text, "x") - share * width,
    y: numberOf(text, "y") + top,
    width,
    height: bottom - top,
  };
}

/** The box of an element in its own coordinates, before its own transform: `getBBox`. */
export function localBox(element: Element): Box {
  const name = element.nodeName.toLowerCase();
  if (name === "text") return textBox(element);
  if (name === "tspan") {
    const size = fontSize(element);
    const { ascent, descent } = lineExtent();
    return { x: 0, y: 0, width: textLength(element), height: size * (ascent + descent) };
  }
  if (name === "path") return pathBox(element.getAttribute("d") ?? "");
  if (name === "rect") {
    const [x, y, width, height] = ["x", "y", "width", "height"].map((a) => numberOf(element, a));
    return { x, y, width, height };
  }
  const children = childElements(element).filter((child) =>
    !invisible.has(child.nodeName.toLowerCase())
  );
  return unionBox(children.map((child) => transformBox(localBox(child), transformOf(child))));
}

const transformOf = (element: Element) => parseTransform(element.getAttribute("transform") ?? "");

/** The box of an element on the page, all ancestors' transforms applied: `getBoundingClientRect`. */
export function screenBox(element: Element): Box {
  const box = localBox(element);
  let transform = identity;
  for (let owner: Element | null = element; owner; owner = owner.parentElement) {
    transform = compose(transformOf(owner), transform);
  }
  return box.width || box.height ? transformBox(box, transform) : box;
}

function pathBox(commands: string): Box {
  const { x, y, width, height } = SVGPathCommander.getPathBBox(commands);
  return { x, y, width, height };
}

/** Length in pixels of a path given by its `d` attribute; 0 for an empty one. */
export function pathLength(commands: string): number {
  return SVGPathCommander.getTotalLength(commands);
}

/** The point at `distance` pixels along a path. */
export function pathPoint(commands: string, distance: number): { x: number; y: number } {
  return SVGPathCommander.getPointAtLength(commands, distance);
}
