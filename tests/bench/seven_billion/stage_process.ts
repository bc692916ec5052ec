/** A stage in a process of its own: takes its name and input as JSON, prints what was measured as JSON. */

import { resourceUsage } from "node:process";
import { type StageInput, type StageName, stages } from "./stages.ts";

const [name, input] = JSON.parse(Deno.args[0]) as [StageName, StageInput];
const work = await stages[name](input);
const peakBytes = 1024 * resourceUsage().maxRSS;
console.log(JSON.stringify({ ...work, peakBytes }));
// Workers and devices are left as they are: the process ends here.
Deno.exit(0);
