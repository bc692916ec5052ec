/** How often the GPU is waited for while something runs, at the layer of WebGPU itself. */

/** Runs `action`; returns how many readings and ends of submitted work were waited for. */
export async function countWaits(action: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const { mapAsync } = GPUBuffer.prototype;
  const { onSubmittedWorkDone } = GPUQueue.prototype;
  GPUBuffer.prototype.mapAsync = function (...range) {
    count++;
    return mapAsync.apply(this, range);
  };
  GPUQueue.prototype.onSubmittedWorkDone = function () {
    count++;
    return onSubmittedWorkDone.call(this);
  };
  try {
    await action();
  } finally {
    GPUBuffer.prototype.mapAsync = mapAsync;
    GPUQueue.prototype.onSubmittedWorkDone = onSubmittedWorkDone;
  }
  return count;
}
