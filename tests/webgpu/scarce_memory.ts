/** A device that refuses buffers beyond so many bytes in all, as a real one does that is full. */

import type { GpuDevice } from "../../lib/engines/webgpu/device.ts";

/** Makes a device refuse what would take more than `bytes` beside its buffers. */
export function refuseBeyond(device: GpuDevice, bytes: number): void {
  const { gpu } = device;
  const createBuffer = gpu.createBuffer.bind(gpu);
  const popErrorScope = gpu.popErrorScope.bind(gpu);
  let refused = false;
  const refuse = (descriptor: GPUBufferDescriptor) => {
    refused = device.allocatedBytes + descriptor.size > bytes;
    return createBuffer(refused ? { ...descriptor, size: 4 } : descriptor);
  };
  const answer = async () => {
    // Of the buffer that was made last: others may be made before this is answered.
    const isRefused = refused;
    refused = false;
    const answered = await popErrorScope();
    return isRefused ? { message: "not enough memory left" } as GPUError : answered;
  };
  Object.defineProperties(gpu, {
    createBuffer: { value: refuse },
    popErrorScope: { value: answer },
  });
}
