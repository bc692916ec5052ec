/** All block ops of the CPU, by the op's name. */

import { choleskyKernel } from "./cholesky.ts";
import { gptqKernel } from "./gptq.ts";
import { gptqSignKernel } from "./gptq_signs.ts";
import type { HostKernel } from "./kernel.ts";
import { residualKernel } from "./residual.ts";
import { coupledSignSweepKernel } from "./coupled_sign_sweep.ts";
import { signSweepKernel } from "./sign_sweep.ts";

/** How each runs. */
export const hostKernels: Readonly<Record<string, HostKernel>> = {
  choleskyBlock: choleskyKernel,
  coupledSignSweep: coupledSignSweepKernel,
  gptqBlock: gptqKernel,
  gptqSignBlock: gptqSignKernel,
  residualBlock: residualKernel,
  signSweep: signSweepKernel,
};
