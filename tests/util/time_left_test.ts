import assert from "node:assert/strict";
import { formatBytes, formatSeconds, TimeLeft } from "../../lib/util/time_left.ts";

const label = "work";

Deno.test("time left is the rest of the work at the speed of the work so far", () => {
  const left = new TimeLeft();
  // Two seconds a unit, by a clock that does not begin at 0.
  const seconds = [1, 2, 4].map((done) =>
    left.after({ done, total: 10, label }, 500 + 2000 * done)
  );
  assert.deepEqual(seconds, [null, 16, 12]);
});

Deno.test("what an earlier run did counts neither as work nor as time", () => {
  const left = new TimeLeft();
  // Six units at once from an earlier run, then one every three seconds, then a resumed one between.
  for (let done = 1; done <= 6; done++) {
    assert.equal(left.after({ done, total: 10, resumed: done, label }, done), null);
  }
  assert.equal(left.after({ done: 7, total: 10, resumed: 6, label }, 3001), 9);
  assert.equal(left.after({ done: 8, total: 10, resumed: 7, label }, 3001), 6);
  assert.equal(left.after({ done: 9, total: 10, resumed: 7, label }, 6001), 3);
  assert.equal(left.after({ done: 10, total: 10, resumed: 7, label }, 9001), 0);
});

Deno.test("reports within a unit leave the time as it is", () => {
  const left = new TimeLeft();
  left.after({ done: 1, total: 3, label }, 0);
  const seconds = [2000, 3000, 9000].map((now) => left.after({ done: 2, total: 3, label }, now));
  assert.deepEqual(seconds, [2, 2, 2]);
  assert.equal(left.after({ done: 3, total: 3, label }, 10_000), 0);
});

Deno.test("each part of a run has a time of its own", () => {
  const left = new TimeLeft();
  left.after({ done: 1, total: 2, label }, 0);
  assert.equal(left.after({ done: 2, total: 2, label }, 1000), 0);
  // Another total, and then the same total from the start.
  assert.equal(left.after({ done: 1, total: 4, label }, 2000), null);
  assert.equal(left.after({ done: 2, total: 4, label }, 2500), 1);
  assert.equal(left.after({ done: 1, total: 4, label }, 5000), null);
  assert.equal(left.after({ done: 3, total: 4, label }, 9000), 2);
});

Deno.test("a part that was finished before has no time", () => {
  assert.equal(new TimeLeft().after({ done: 0, total: 0, label }, 0), null);
});

Deno.test("times read as times, also where they are rounded up to the next unit", () => {
  const times: [seconds: number, text: string][] = [
    [0, "0 s"],
    [0.2, "1 s"],
    [59, "59 s"],
    [59.4, "1 min 0 s"],
    [60, "1 min 0 s"],
    [125, "2 min 5 s"],
    [3599.2, "1 h 0 min"],
    [3600, "1 h 0 min"],
    [5970, "1 h 40 min"],
    [90_000, "25 h 0 min"],
  ];
  for (const [seconds, text] of times) assert.equal(formatSeconds(seconds), text);
});

Deno.test("where bytes are moved they tell the rate and the time left, within a unit too", () => {
  const left = new TimeLeft();
  const report = (done: number, bytes: number, resumed = 0) => ({
    done,
    total: 3,
    label,
    bytes: { done: bytes, total: 1000, resumed },
  });
  // 400 bytes are from an earlier run, and come at once.
  assert.equal(left.after(report(0, 400, 400), 0), null);
  assert.equal(left.bytesPerSecond, null);
  assert.equal(left.after(report(0, 500, 400), 2000), 10);
  assert.equal(left.bytesPerSecond, 50);
  assert.equal(left.after(report(2, 900, 400), 10_000), 2);
  // What follows moves none, though its total is the same.
  assert.equal(left.after({ done: 901, total: 1000, label }, 11_000), null);
  assert.equal(left.bytesPerSecond, null);
  left.after({ done: 902, total: 1000, label }, 12_000);
  assert.equal(left.bytesPerSecond, null);
});

Deno.test("bytes read as three digits and a unit, also where they are rounded up to the next", () => {
  const sizes: [bytes: number, text: string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [9994, "9.99 kB"],
    [9996, "10.0 kB"],
    [999_499, "999 kB"],
    [999_501, "1.00 MB"],
    [26_953_662_464, "27.0 GB"],
    [3e15, "3000 TB"],
  ];
  for (const [bytes, text] of sizes) assert.equal(formatBytes(bytes), text);
});
