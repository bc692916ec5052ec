import assert from "node:assert/strict";
import fc from "fast-check";
import { axisRange, linearTicks, logTicks } from "../../lib/figures/axis.ts";

const at = (value: number) => ({ low: value, high: value });

Deno.test("an axis shows what is compared, with some air", () => {
  const { range: [low, high], outside } = axisRange([at(2), at(4)], []);
  assert.ok(low < 2 && low > 1.5 && high > 4 && high < 4.5);
  assert.deepEqual(outside, []);
});

Deno.test("a near reference widens the axis, a far one is left out", () => {
  const [near, far, below] = [at(6), at(40), at(-30)];
  const { range: [low, high], outside } = axisRange([at(2), at(4)], [far, below, near]);
  assert.ok(low > 1 && high > 6 && high < 7);
  assert.deepEqual(outside, [below, far]);
});

Deno.test("a lone value gets an axis with an extent", () => {
  const { range: [low, high] } = axisRange([at(100)], []);
  assert.ok(low < 100 && high > 100);
});

Deno.test("values that are all one, zero among them, get marks that are far apart", () => {
  for (const value of [0, 5, -5, 7.25, 1e-9, 1e9]) {
    const { range } = axisRange([at(value), at(value)], [at(value)]);
    const { values } = linearTicks(range);
    assert.ok(values.length >= 3, String(values));
    assert.ok(values[1] - values[0] > Math.abs(value) / 100);
  }
});

Deno.test("every compared interval and every reference not left out lies within the axis", () => {
  const span = fc.tuple(fc.double({ min: 1, max: 99, noNaN: true }), fc.double({ min: 0, max: 9 }))
    .map(([low, extent]) => ({ low, high: low + (extent || 0) }));
  fc.assert(
    fc.property(fc.array(span, { minLength: 1 }), fc.array(span), (compared, references) => {
      const { range: [low, high], outside } = axisRange(compared, references);
      const shown = [...compared, ...references.filter((one) => !outside.includes(one))];
      for (const one of shown) assert.ok(one.low >= low && one.high <= high);
    }),
  );
});

Deno.test("linear ticks are round, within the range and written alike", () => {
  assert.deepEqual(linearTicks([8.15, 9.5]).texts, [
    "8.2",
    "8.4",
    "8.6",
    "8.8",
    "9.0",
    "9.2",
    "9.4",
  ]);
  assert.deepEqual(linearTicks([0, 3]).texts, ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0"]);
  assert.deepEqual(linearTicks([1190, 1340]).texts, ["1200", "1250", "1300"]);
});

Deno.test("numbers of many digits are written with their power of ten", () => {
  const long: [range: [number, number], texts: string[]][] = [
    [[0, 2e12], ["0", "0.5·10¹²", "1.0·10¹²", "1.5·10¹²", "2.0·10¹²"]],
    [[-3e-9, -1e-9], ["−3.0·10⁻⁹", "−2.5·10⁻⁹", "−2.0·10⁻⁹", "−1.5·10⁻⁹", "−1.0·10⁻⁹"]],
    [[1e99, 1.5e99], ["1.0·10⁹⁹", "1.1·10⁹⁹", "1.2·10⁹⁹", "1.3·10⁹⁹", "1.4·10⁹⁹", "1.5·10⁹⁹"]],
    [[999_999, 1_000_001], ["0.9999990·10⁶", "0.9999995·10⁶", "1.0000000·10⁶"]],
  ];
  for (const [range, texts] of long) {
    assert.deepEqual(linearTicks(range).texts.slice(0, texts.length), texts);
  }
});

Deno.test("linear ticks are between two and eight, whatever the range", () => {
  fc.assert(fc.property(
    fc.double({ min: -1e4, max: 1e4, noNaN: true }),
    fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
    (low, extent) => {
      const { values, texts } = linearTicks([low, low + extent]);
      assert.ok(values.length >= 2 && values.length <= 8, String(values));
      assert.ok(values[0] >= low - 1e-9 && values.at(-1)! <= low + extent + 1e-9);
      assert.equal(new Set(texts).size, values.length);
    },
  ));
});

Deno.test("logarithmic ticks are 1, 2 and 5, or powers of ten over many decades", () => {
  assert.deepEqual(logTicks([0.3, 30]).texts, ["0.5", "1", "2", "5", "10", "20"]);
  assert.deepEqual(logTicks([40, 400]).texts, ["50", "100", "200"]);
  assert.deepEqual(logTicks([0.5, 50_000]).texts, ["1", "10", "100", "1000", "10000"]);
  assert.deepEqual(logTicks([1e-90, 1e-60]).texts, [
    "10⁻⁹⁰",
    "10⁻⁸⁵",
    "10⁻⁸⁰",
    "10⁻⁷⁵",
    "10⁻⁷⁰",
    "10⁻⁶⁵",
    "10⁻⁶⁰",
  ]);
});
