/** Exports the sample figure to the path given, in a process of its own: `deno run <this> <path>`. */

import { exportFigure } from "../../lib/figures/export/figure_files.ts";
import { sampleFigure } from "./sample_figure.ts";

await exportFigure(sampleFigure(), Deno.args[0]);
