/**
 * Figures drawn by the whole of plotly.js in a real browser, for traces that need a canvas or WebGL
 * (heat maps, surfaces): a Chromium that is present draws one page without a window and is asked for
 * its document. Not for our own figures, which `svg.ts` draws alike, faster, and on any machine.
 */

import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Figure } from "../figure.ts";
import { ReportError } from "../report_error.ts";
import { fontFamily } from "../style.ts";
import type { DrawSvg } from "./figure_files.ts";
import { fontFaces } from "./fonts.ts";
import type { Fault } from "./plotly_window.ts";
import { checkFaults, tidied } from "./svg.ts";

export { findBrowser } from "./find_browser.ts";

const bundle = "plotly.js-dist-min/plotly.min.js";

/** Longest that a browser may take for a figure, in milliseconds. */
const timeLimit = 60_000;

/** Draws with the browser at this path; what `exportFigure` takes as `draw`. */
export function browserDrawing(executable: string): DrawSvg {
  return async (figure) => {
    const folder = await Deno.makeTempDir({ prefix: "figure-" });
    try {
      const page = join(folder, "figure.html");
      await Deno.writeTextFile(page, await pageOf(figure));
      return tidied(answerOf(await printed(executable, page, join(folder, "profile"))));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
}

/** A page that draws a figure and then is nothing but its answer, as JSON in an attribute. */
async function pageOf({ data, layout }: Figure): Promise<string> {
  const named = data.map((trace, index) => ({ ...trace, uid: String(index) }));
  // What would end the script element must not stand in it.
  const figure = JSON.stringify({ data: named, layout }).replaceAll("<", "\\u003c");
  const rules = await Promise.all(
    fontFaces.map(async ({ path, style: { bold, italic } }) =>
      `@font-face{font-family:"${fontFamily}";font-weight:${bold ? 700 : 400};` +
      `font-style:${italic ? "italic" : "normal"};` +
      `src:url(data:font/ttf;base64,${(await Deno.readFile(path)).toBase64()})}`
    ),
  );
  const plotly = pathToFileURL(fileURLToPath(import.meta.resolve(bundle)));
  return `<!doctype html><meta charset="utf-8"><style>${rules.join("")}</style>
<div id="figure"></div><script src="${plotly}"></script><script>
const { data, layout } = ${figure};
const answer = (text) => document.documentElement.replaceChildren(
  Object.assign(document.createElement("body"), { title: JSON.stringify(text) }));
const draw = async () => {
  await Promise.all([...document.fonts].map((font) => font.load()));
  const faults = Plotly.validate(data, layout) ?? [];
  await Plotly.newPlot("figure", data, layout, { staticPlot: true });
  const url = await Plotly.toImage("figure", { format: "svg", width: layout.width, height: layout.height });
  return { svg: decodeURIComponent(url.slice(url.indexOf(",") + 1)), faults };
};
draw().then(answer, (error) => answer({ error: String(error) }));
</script>`;
}

/** Switches that leave a browser without window, network and first-run pages. */
const switches = [
  "--headless",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--enable-unsafe-swiftshader",
  "--force-device-scale-factor=1",
  "--hide-scrollbars",
  "--virtual-time-budget=20000",
  "--dump-dom",
];

/** The document that a page becomes, as text. */
async function printed(executable: string, page: string, profile: string): Promise<string> {
  // Chromium refuses to run as root in its sandbox.
  const sandbox = Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--no-sandbox"] : [];
  const { code, stdout, stderr } = await new Deno.Command(executable, {
    args: [...switches, ...sandbox, `--user-data-dir=${profile}`, pathToFileURL(page).href],
    signal: AbortSignal.timeout(timeLimit),
  }).output();
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new ReportError({
    problem: "ended without drawing",
    file: executable,
    value: `exit code ${code}: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`,
    expected: "a Chromium that prints a page's document",
  });
}

/** What the page answered. */
interface Answer {
  readonly svg?: string;
  readonly faults?: readonly Fault[];
  readonly error?: string;
}

function answerOf(document: string): string {
  const attribute = /<body title="([^"]*)"/.exec(document)?.[1];
  const { svg, faults = [], error = "no drawing" } = JSON.parse(
    unescaped(attribute ?? "{}"),
  ) as Answer;
  checkFaults(faults);
  if (svg !== undefined) return svg;
  throw new ReportError({
    problem: "cannot be drawn by the browser",
    option: "figure",
    value: error,
    expected: "a figure that plotly.js draws",
  });
}

const entities: Readonly<Record<string, string>> = {
  "&quot;": '"',
  "&lt;": "<",
  "&gt;": ">",
  "&nbsp;": "\u00a0",
  "&amp;": "&",
};

/** An attribute's value as HTML writes it. */
function unescaped(text: string): string {
  return text.replace(/&(quot|lt|gt|nbsp|amp);/g, (entity) => entities[entity]);
}
