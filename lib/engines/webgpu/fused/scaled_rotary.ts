/** `scaledRotaryRows`: rows turned by their own angles and scaled as one op, as queries are, and its rewriting. */

import type { KernelRule } from "../kernel.ts";
import { rotationKernel } from "../kernels/rotary.ts";
import { fusedOp } from "./op.ts";
import type { RewriteRule } from "./rewrite.ts";

/** The WGSL of the op. */
export const scaledRotaryRules: Readonly<Record<string, KernelRule>> = {
  scaledRotaryRows: (builder, [x, cosines, sines], { attributes }) =>
    builder.dispatch(
      rotationKernel(x, { cosines, sines }, { factor: attributes.factor as number }),
    ),
};

/** factor · rotated becomes one op where nothing else reads what is rotated. */
export const fuseScaledRotary: RewriteRule = (value, usersOf) => {
  const [rotated] = value.inputs;
  if (value.operation !== "scaleBy" || rotated.operation !== "rotaryRows") return null;
  if (usersOf(rotated).length > 1) return null;
  const { factor } = value.attributes;
  return fusedOp("scaledRotaryRows", rotated.inputs, value.shape, { factor });
};
