/**
 * Tests on a GPU. Where there is no adapter, or OpenGL's alone, they are reported as skipped, by name;
 * with REQUIRE_WEBGPU=1 they fail instead.
 */

import { findAdapter } from "../../lib/engines/webgpu/adapter.ts";
import { openWebGpuEngine, type WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { sharedDirectory } from "../shared.ts";

const required = Deno.env.get("REQUIRE_WEBGPU") === "1";
const found = await findAdapter();
const available = required || found.adapter !== null;
let opened: Promise<WebGpuEngine> | undefined;

/** The engine that the tests of one file share: pipelines are compiled once for all of them. */
function sharedEngine(): Promise<WebGpuEngine> {
  return opened ??= openWebGpuEngine();
}

/** A new adapter, in a test that runs where there is one. */
export async function presentAdapter(): Promise<GPUAdapter> {
  return (await findAdapter()).adapter!;
}

/** An engine of the test's own on an adapter that lacks a feature, and refuses it as adapters do. */
export async function openEngineWithout(feature: GPUFeatureName): Promise<WebGpuEngine> {
  const adapter = await presentAdapter();
  const features = new Set(adapter.features);
  features.delete(feature);
  Object.defineProperty(adapter, "features", { value: features });
  const request = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = (descriptor) =>
    [...descriptor?.requiredFeatures ?? []].includes(feature)
      ? Promise.reject(new TypeError(`no ${feature}`))
      : request(descriptor);
  return await openWebGpuEngine({ adapter });
}

/** A test with the shared engine; `test` may use no resources of its own device. */
export function gpuTest(
  name: string,
  test: (engine: WebGpuEngine, context: Deno.TestContext) => Promise<void> | void,
): void {
  register(name, available, test);
}

/** The same, for tests that need `../shared` too; `test` is given that folder. */
export function gpuTestWithShared(
  name: string,
  test: (engine: WebGpuEngine, shared: string) => Promise<void>,
): void {
  const runs = available && sharedDirectory !== null;
  register(`${name} (needs ../shared)`, runs, (engine) => test(engine, sharedDirectory!));
}

function register(
  name: string,
  runs: boolean,
  test: (engine: WebGpuEngine, context: Deno.TestContext) => Promise<void> | void,
): void {
  Deno.test({
    name: available ? name : `${name} (skipped: ${"reason" in found && found.reason})`,
    ignore: !runs,
    // The device outlives each test.
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async (context) => await test(await sharedEngine(), context),
  });
}
