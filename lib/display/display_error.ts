/** The error of displays. */

import { InputError } from "../util/errors.ts";

/** Something is to be shown where there is no notebook to show it in. */
export class DisplayError extends InputError {}
