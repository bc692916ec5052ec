/**
 * How functions of the float kernels are written in WebAssembly's own notation: loops over vectors of four floats.
 * Not here: what they do (`float_kernel_texts.ts`, `rounding_kernel_texts.ts`).
 */

/**
 * A function of the module. Constants that its body names are locals, set once: one in the place of its use is
 * built anew each time round, which makes loops three times slower.
 */
export function exported(name: string, parameters: string, locals: string, body: string): string {
  const constants = new Set([...body.matchAll(/\$(integer|real):([\w-]+)/g)].map(([all]) => all));
  const declared = [...constants].map((each) => `(local ${each} v128)`).join(" ");
  const values = [...constants].map((each) => {
    const [, kind, value] = /^\$(integer|real):(.*)$/.exec(each)!;
    const lanes = new Array(4).fill(value).join(" ");
    return `(local.set ${each} (v128.const ${kind === "real" ? "f32x4" : "i32x4"} ${lanes}))`;
  });
  return `(func (export "${name}") ${parameters} (local $end i32) ${locals} ${declared}
    ${values.join("\n")}
    ${body})`;
}

/** A vector of four integers. */
export const all = (bits: string) => `(local.get $integer:${bits})`;
/** A vector of four floats. */
export const real = (number: string) => `(local.get $real:${number})`;

/**
 * A loop over the vectors of `$count` elements of `size` bytes from `$at` on. What the last vector holds beyond
 * the count is scratch.
 */
export function eachVector(size: 2 | 4, body: string): string {
  return `
    (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const ${size}))))
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $next
        ${body}
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))`;
}

/** Changes each float in its place; `before` sets what `change` needs beside `$x`. */
export function inPlace(name: string, change: string, locals = "", before = ""): string {
  return exported(
    name,
    "(param $at i32) (param $count i32)",
    `(local $x v128) ${locals}`,
    eachVector(
      4,
      `(local.set $x (v128.load (local.get $at)))
        ${before}
        (v128.store (local.get $at) ${change})`,
    ),
  );
}

/** The vector that a loop is at. */
export const x = "(local.get $x)";
