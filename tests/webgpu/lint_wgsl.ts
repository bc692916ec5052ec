/**
 * What makes a kernel slow on hardware, by its text: a loop in its hot loop, and an index into registers that
 * is no constant (drivers then keep them in memory). Knows of WGSL declarations, loops and calls alone.
 */

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The faults of a shader, as sentences; none of a good one. */
export function lintShader(text: string): string[] {
  const functions = [...text.matchAll(/\bfn (\w+)\(([^]*?)\)[^{;]*\{/g)].map((found) => ({
    name: found[1],
    parameters: found[2],
    body: spanAfter(text, found.index + found[0].length),
  }));
  const loops = loopsOf(text);
  const bodyOf = ({ from, to }: Span) => text.slice(from, to);
  const loopingFunctions = new Set(
    functions.filter(({ body }) => loops.some((each) => within(each, body))).map(({ name }) =>
      name
    ),
  );
  const faults: string[] = [];
  for (const loop of loops.filter((each) => bodyOf(each).includes("workgroupBarrier"))) {
    const inner = loops.filter((each) => each !== loop && within(each, loop));
    const hot = inner.filter((each) => bodyOf(each).includes("workgroupBarrier"));
    // The loop over stretches holds the hot one; nothing else may hold a loop.
    if (hot.length < inner.length) faults.push("a loop in the loop over the inner axis");
    if (hot.length > 1) faults.push("more than one loop over the inner axis");
    for (const [, called] of bodyOf(loop).matchAll(/\b(\w+)\(/g)) {
      if (loopingFunctions.has(called)) faults.push(`the hot loop calls '${called}', which loops`);
    }
  }
  for (const { name, parameters, body } of functions) {
    const declared = bodyOf(body).matchAll(/\b(?:let|var) (\w+)/g);
    const given = parameters.matchAll(/(\w+):/g);
    const registers = new Set([...declared, ...given].map(([, each]) => each));
    for (
      const [indexed, register, index] of bodyOf(body).matchAll(/(?<![\w.])(\w+)\[([^\]]*)\]/g)
    ) {
      if (!registers.has(register) || /^\d+u?$/.test(index)) continue;
      faults.push(`'${indexed}' in '${name}' is an index into registers that is no constant`);
    }
  }
  return [...new Set(faults)];
}

/** The bodies of all loops. */
function loopsOf(text: string): Span[] {
  return [...text.matchAll(/\b(?:for \(|while |loop )[^{]*\{/g)].map((found) =>
    spanAfter(text, found.index + found[0].length)
  );
}

/** From just behind a brace to the one that closes it. */
function spanAfter(text: string, from: number): Span {
  let depth = 1;
  let to = from;
  for (; depth > 0 && to < text.length; to++) {
    if (text[to] === "{") depth++;
    if (text[to] === "}") depth--;
  }
  return { from, to: to - 1 };
}

function within(inner: Span, outer: Span): boolean {
  return inner.from > outer.from && inner.to < outer.to;
}
