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

/** An adapter to compute on, or why there is none. */
export type FoundAdapter =
  | { readonly adapter: GPUAdapter }
  | { readonly adapter: null; readonly reason: string };

/** The adapter with the most power, unless there is none or none but OpenGL's. */
export async function findAdapter(): Promise<FoundAdapter> {
  // Without drivers the request itself may fail instead of answering null.
  const request = navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  const adapter = await request?.catch(() => null);
  if (!adapter) return { adapter: null, reason: "there is no WebGPU adapter" };
  if (!isOpenGl(adapter)) return { adapter };
  const { name } = describeAdapter(adapter);
  return { adapter: null, reason: `the adapter '${name}' is OpenGL, no WebGPU to compute on` };
}

/** What OpenGL binds of textures, and of samplers, at most in wgpu. */
const OPENGL_UNITS = 16;

/**
 * Whether an adapter is OpenGL, on which Deno falls back where no Vulkan, Metal or DirectX 12 answers, and
 * kernels take many times as long. WebGPU does not tell; but OpenGL tells no device's number, and wgpu
 * gives its adapters the same few units for textures and samplers, which no other adapter without a number
 * has (Metal has more for textures, lavapipe for both).
 */
export function isOpenGl({ info, limits }: Pick<GPUAdapter, "info" | "limits">): boolean {
  return info.device === "0" && limits.maxSampledTexturesPerShaderStage === OPENGL_UNITS &&
    limits.maxSamplersPerShaderStage === OPENGL_UNITS;
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
