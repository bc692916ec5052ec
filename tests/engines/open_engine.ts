/** Opens the engine of a device and prints what it is, or why there is none; for `device_test.ts`. */

import { InputError } from "../../lib/util/errors.ts";
import { type DeviceChoice, openEngine } from "../../lib/engines/device.ts";

try {
  const { name, details } = await openEngine({ device: Deno.args[0] as DeviceChoice, threads: 1 });
  console.log(JSON.stringify({ name, ...details }));
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.log(JSON.stringify({ error: error.name, message: error.message }));
}
