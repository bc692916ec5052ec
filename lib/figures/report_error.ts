/** The error of reports; apart from `errors.ts` because nothing outside reports can cause it. */

import { InputError } from "../util/errors.ts";

/** Rows that cannot be drawn or tabulated, or a figure that plotly.js cannot render. */
export class ReportError extends InputError {}
