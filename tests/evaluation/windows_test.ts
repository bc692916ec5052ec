import assert from "node:assert/strict";
import fc from "fast-check";
import { slidingWindows } from "../../lib/evaluation/windows.ts";
import { TextError } from "../../lib/util/errors.ts";

/** A protocol whose context is a multiple of what a window scores, as all are here, and a text. */
const cases = fc.record({
  window: fc.integer({ min: 2, max: 40 }),
  contextWindows: fc.integer({ min: 1, max: 4 }),
  tokenCount: fc.integer({ min: 1, max: 900 }),
}).map(({ window, contextWindows, tokenCount }) => ({
  protocol: { context: window * contextWindows, window },
  tokenCount,
}));

Deno.test("windows of a long text score each token after the context once, to the last multiple", () => {
  fc.assert(fc.property(cases, ({ protocol, tokenCount }) => {
    const { context, window } = protocol;
    fc.pre(tokenCount >= context + window);
    const windows = slidingWindows(tokenCount, protocol, "text");
    const usable = Math.floor(tokenCount / window) * window;
    assert.equal(windows.length, (usable - context) / window);
    windows.forEach(({ begin, end, scored }, index) => {
      assert.deepEqual([begin, end - begin], [index * window, context + window]);
      assert.ok(end <= tokenCount);
      assert.deepEqual([scored, end - scored], [window, context + index * window]);
    });
  }));
});

Deno.test("a text shorter than a window is one window, scored at its end", () => {
  fc.assert(fc.property(cases, ({ protocol, tokenCount }) => {
    const { context, window } = protocol;
    fc.pre(tokenCount > window && tokenCount < context + window);
    const windows = slidingWindows(tokenCount, protocol, "text");
    assert.deepEqual(windows, [{ begin: 0, end: tokenCount, scored: window }]);
  }));
});

Deno.test("a text with no token to predict all the scored ones from is refused by name", () => {
  fc.assert(fc.property(cases, ({ protocol, tokenCount }) => {
    fc.pre(tokenCount <= protocol.window);
    assert.throws(() => slidingWindows(tokenCount, protocol, "short.txt"), (error) => {
      assert.ok(error instanceof TextError);
      assert.match(
        error.message,
        new RegExp(
          `'short.txt'.*got '${tokenCount} tokens'; expected more than ${protocol.window},`,
        ),
      );
      return true;
    });
  }));
});

Deno.test("the study's counts of windows", () => {
  const count = (tokens: number, context: number, window: number) =>
    slidingWindows(tokens, { context, window }, "text").length;
  assert.deepEqual([count(1010, 64, 32), count(3700, 1024, 512), count(80, 64, 32)], [29, 5, 1]);
});
