/**
 * plotly.js without a browser: happy-dom's document, with the measurements that a layout engine
 * would answer put in from font metrics. Enough for traces made of paths and text (scatter, bar);
 * traces that paint on a canvas are not in the bundle.
 */

import { fileURLToPath } from "node:url";
import { type Element, Window } from "happy-dom";
import { localBox, pathLength, pathPoint, screenBox, textLength } from "./svg_geometry.ts";
import type { Box } from "./svg_transform.ts";

/** An attribute that plotly.js cannot use, as it says itself. */
export interface Fault {
  readonly code: string;
  readonly msg: string;
}

/** The part of plotly.js that is used here; the bundle brings no types. */
interface Plotly {
  newPlot(container: unknown, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  purge(container: unknown): void;
  /** What plotly.js would pass over in silence; `undefined` if nothing. */
  validate(data: unknown, layout: unknown): Fault[] | undefined;
  Snapshot: { toSVG(container: unknown, format: "svg"): string };
}

/** A document with plotly.js in it. */
export interface PlotlyWindow {
  readonly document: Window["document"];
  readonly plotly: Plotly;
}

const bundle = "plotly.js-basic-dist-min/plotly-basic.min.js";

let opened: Promise<PlotlyWindow> | undefined;

/** The one window of this process, opened at first use: loading plotly.js costs most of a second. */
export function plotlyWindow(): Promise<PlotlyWindow> {
  return opened ??= openPlotlyWindow();
}

async function openPlotlyWindow(): Promise<PlotlyWindow> {
  const window = new Window();
  addMeasurements(window);
  const code = await Deno.readTextFile(fileURLToPath(import.meta.resolve(bundle)));
  return { document: window.document, plotly: evaluate(code, window) };
}

/** Gives elements the measuring methods that happy-dom leaves empty. */
function addMeasurements(window: Window): void {
  const methods = {
    getBBox(this: Element) {
      return rectangle(localBox(this));
    },
    getBoundingClientRect(this: Element) {
      return rectangle(screenBox(this));
    },
    getComputedTextLength(this: Element) {
      return textLength(this);
    },
    getTotalLength(this: Element) {
      return pathLength(this.getAttribute("d") ?? "");
    },
    getPointAtLength(this: Element, distance: number) {
      return pathPoint(this.getAttribute("d") ?? "", distance);
    },
  };
  const { Element, SVGElement, SVGGraphicsElement, SVGGeometryElement } = window;
  for (const kind of [Element, SVGElement, SVGGraphicsElement, SVGGeometryElement]) {
    Object.assign(kind.prototype, methods);
  }
}

function rectangle({ x, y, width, height }: Box) {
  return { x, y, width, height, left: x, top: y, right: x + width, bottom: y + height };
}

/** Runs the bundle with `window` and its members in place of the globals of a browser. */
function evaluate(code: string, window: Window): Plotly {
  const module = { exports: {} };
  const { document, navigator, DOMParser, Element, HTMLElement } = window;
  const globals = {
    window,
    self: window,
    document,
    navigator,
    DOMParser,
    Element,
    HTMLElement,
    module,
  };
  new Function(...Object.keys(globals), code)(...Object.values(globals));
  return module.exports as Plotly;
}
