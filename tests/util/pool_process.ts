/** Waits for one job and ends, for `worker_pool_test.ts`. */

import { runJob } from "../../lib/util/worker_pool.ts";
import { raised } from "./pool_jobs.ts";

console.log((await runJob(raised, [Uint8Array.of(1, 2)])).join(","));
