/** Tenants of one base in one batch on a GPU, each as its saved full checkpoint alone on the CPU. */

import { checkDifferences, checkMethods } from "../model/serving/tenants_case.ts";
import { gpuTest } from "./gpu.ts";

gpuTest(
  "deltas of several codecs run in one batch, each as its checkpoint alone",
  (engine) => checkMethods(engine, ["initial", "low-rank", "double-binary", "gptq", "compeft"]),
);

gpuTest(
  "fine-tunes that differ from a tied base run in one batch",
  (engine) => checkDifferences(engine, "a tied base"),
);
