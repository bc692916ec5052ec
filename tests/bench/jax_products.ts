/** Chains of products by jax-js, which compiles its kernels for the same adapter. */

import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import type { ChainOperands, Products } from "./webgpu_peers.ts";

/** @throws {Error} if jax-js finds no adapter, or another than ours. */
export async function jaxProducts(
  { rows, inner, columns, x, weights }: ChainOperands,
  engine: WebGpuEngine,
): Promise<Products> {
  const { blockUntilReady, defaultDevice, getWebGPUDevice, init, jit, numpy } = await import(
    "@jax-js/jax"
  );
  await init("webgpu");
  defaultDevice("webgpu");
  const theirs = getWebGPUDevice().adapterInfo;
  const ours = engine.device.adapter.name;
  if (theirs.description !== ours && theirs.device !== ours) {
    throw new Error(`it runs on '${theirs.description || theirs.device}', not on '${ours}'`);
  }
  type Matrix = InstanceType<typeof numpy.Array>;
  const first = numpy.array(x).reshape([rows, inner]);
  const placed = weights.map((weight, index) =>
    numpy.array(weight).reshape(index === 0 ? [inner, columns] : [columns, inner])
  );
  const second = placed.at(-1)!;
  return {
    chain(length) {
      // Each use of an array but the last is a reference more.
      const products = jit((a: Matrix, there: Matrix, back: Matrix) => {
        let y = a;
        for (let index = 0; index < length; index++) {
          y = numpy.matmul(y, (index % 2 === 0 ? there : back).ref);
        }
        there.dispose();
        back.dispose();
        return y;
      });
      const start = () => products(first.ref, placed[0].ref, second.ref);
      return Promise.resolve({
        async run() {
          const product = start();
          await blockUntilReady(product);
          product.dispose();
        },
        read: async () => await start().data() as Float32Array,
        release: () => products.dispose(),
      });
    },
    release: () => [first, ...placed].forEach((each) => each.dispose()),
  };
}
