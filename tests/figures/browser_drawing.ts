/**
 * Figures as a real browser draws them: a Chromium without a window runs the same plotly.js on one page
 * and is asked for its document. What measures text and paths there is the browser, not ours.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Figure } from "../../lib/figures/figure.ts";
import { fontFaces } from "../../lib/figures/export/fonts.ts";
import { fontFamily } from "../../lib/figures/style.ts";

const bundle = "plotly.js-basic-dist-min/plotly-basic.min.js";

/** A figure's SVG as the browser at this path draws it. */
export async function drawnByBrowser(executable: string, figure: Figure): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "figure-" });
  try {
    const page = join(folder, "figure.html");
    await Deno.writeTextFile(page, await pageOf(figure));
    const document = await printed(executable, page, join(folder, "profile"));
    const [, attribute] = /<body title="([^"]*)"/.exec(document) ?? assert.fail(document);
    const { svg, error } = JSON.parse(unescaped(attribute));
    assert.equal(error, undefined);
    // References to ids without the quotes that resvg does not take.
    return svg.replace(/url\((?:&quot;|['"])(#[^)]+?)(?:&quot;|['"])\)/g, "url($1)");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A page that draws a figure and then is nothing but its answer, as JSON in an attribute. */
async function pageOf({ data, layout }: Figure): Promise<string> {
  const named = data.map((trace, index) => ({ ...trace, uid: String(index) }));
  // What would end the script element must not stand in it.
  const figure = JSON.stringify({ data: named, layout }).replaceAll("<", "\\u003c");
  const rules = await Promise.all(
    fontFaces().map(async ({ path, style: { bold, italic } }) =>
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
  await Plotly.newPlot("figure", data, layout, { staticPlot: true });
  const url = await Plotly.toImage("figure", { format: "svg", width: layout.width, height: layout.height });
  return { svg: decodeURIComponent(url.slice(url.indexOf(",") + 1)) };
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
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
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
