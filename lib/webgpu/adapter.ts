/** Which GPU there is, described for provenance; opening it is `device.ts`. */

/** An adapter in words. */
export interface AdapterDescription {
  /** `"llvmpipe (LLVM 15.0.6, 256 bits)"`: what the driver calls it. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** Whether it computes on the CPU: Mesa's lavapipe, SwiftShader, WARP. */
  readonly software: boolean;
  /** Limits that kernels and buffers meet, in bytes or counts. */
  readonly limits: Readonly<Record<LimitName, number>>;
}

/** Limits beyond WebGPU's defaults that are asked for where the adapter has them. */
export const limitNames = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/** A limit of an adapter. */
export type LimitName = typeof limitNames[number];

const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|warp/i;

/** The adapter with the most power, or `null` where there is none that computes. */
export async function findAdapter(): Promise<GPUAdapter | null> {
  // Without drivers the request itself may fail instead of answering null.
  const request = navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return await request?.catch(() => null) ?? null;
}

/** The adapter in words. */
export function describeAdapter({ info, limits }: GPUAdapter): AdapterDescription {
  const name = info.description || info.device || info.vendor || "unnamed adapter";
  return {
    name,
    vendor: info.vendor,
    architecture: info.architecture,
    software: info.isFallbackAdapter || SOFTWARE.test(name),
    limits: Object.fromEntries(
      limitNames.map((limit) => [limit, limits[limit]]),
    ) as AdapterDescription["limits"],
  };
}
