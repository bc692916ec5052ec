import assert from "node:assert/strict";
import { judgeClaims } from "../../../lib/studies/activation_aware_bitdelta/claims.ts";
import {
  type Evidence,
  publishedEvidence,
} from "../../../lib/studies/activation_aware_bitdelta/evidence.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import { bare } from "../../../lib/studies/activation_aware_bitdelta/verdict.ts";

const published = publishedEvidence(await readPublishedNumbers());

/** What the numbers say of one claim. */
const judge = (evidence: Evidence, claim: string) =>
  judgeClaims(evidence).find(({ id }) => id === claim)!;

/** Evidence that may be written to. */
type Draft<T> = { -readonly [K in keyof T]: Draft<T[K]> };

/** The published numbers with some of them changed. */
function changed(change: (evidence: Draft<Evidence>) => void): Evidence {
  const draft = structuredClone(published) as Draft<Evidence>;
  change(draft);
  return draft as Evidence;
}

/** The same evidence as if we had measured it. */
const asOurs = (change: Parameters<typeof changed>[0]) =>
  changed((evidence) => {
    evidence.isPublished = false;
    change(evidence);
  });

/** A difference with its interval. */
const between = (low: number, high: number) => ({ value: (low + high) / 2, low, high });

/** Sets the difference at every point of the curves, by domain. */
function everywhere(curves: Draft<Evidence["curves"]>, low: number, high: number): void {
  for (const { points } of curves) points.forEach((point) => point.difference = between(low, high));
}

/** Gains of the domains as intervals: what activation-aware is lower by. */
function gains(curves: Draft<Evidence["curves"]>, of: Record<string, [number, number]>): void {
  for (const { domain, points } of curves) {
    const [low, high] = of[domain];
    points.forEach((point) => point.difference = between(-high, -low));
  }
}

/** Every pair lower by far, and as much faster as the published ones. */
function clearlyBetter(pairs: Draft<Evidence["pairs"]>): void {
  for (const pair of pairs) pair.difference = between(-0.1, -0.05);
}

Deno.test("there is one judgement for each published claim, in order", async () => {
  const { claims } = await readPublishedNumbers();
  assert.deepEqual(judgeClaims(published).map(({ id }) => id), claims.map(({ id }) => id));
});

const verdicts: readonly [claim: string, holds: boolean, because: RegExp][] = [
  // 51.48 / 48.03 and 315.36 / 95.64.
  ["C1", true, /power −0\.01, .*0\.43; slowest over fastest 1\.07 and 3\.30.*; timed once/],
  ["C2", true, /lower at 20 of 20 points, no intervals were published$/],
  [
    "C3",
    false,
    /: health 5\.3 %, finance 4\.0 %, code 3\.9 %, wikitext 2\.8 %; another domain gains as much .*; no intervals were published$/,
  ],
  ["C4", false, /lower on 3 of 4 pairs, no in.*; not on .*Zephyr-7B-beta 8\.879 against 7\.791$/],
  [
    "C5",
    false,
    /Zephyr-7B-beta: 48\.7 % less time, perplexity 8\.879 against 7\.791; no intervals were published; timed once/,
  ],
  ["C6", false, /^1\.55 to 2\.17 times as fast, perplexity lower on 3 of 4 pairs.*; timed once/],
  ["C7", true, /^a fine-tune is 10\.10 times its delta in bytes/],
];

for (const [claim, holds, because] of verdicts) {
  Deno.test(`${claim} ${holds ? "holds" : "does not hold"} by the published numbers`, () => {
    const judgement = judge(published, claim);
    assert.equal(judgement.holds, holds);
    assert.match(judgement.because, because);
  });
}

/** Seconds of three repeats at six batch sizes, by a power of the batch size in each. */
function timed(wallClock: Draft<Evidence["wallClock"]>, powers: [number, ...number[]]): void {
  for (const each of wallClock) {
    const [first, ...others] = powers.map((power) => 48 * each.batchSize ** power);
    each.activationAware = [first, ...others];
  }
}

/** Small changes to the published numbers, each with the verdict that it leads to. */
const edits: readonly [
  claim: string,
  what: string,
  Parameters<typeof changed>[0],
  boolean | null,
][] = [
  ["C1", "time grows as the eighth root of the batch size", ({ wallClock }) => {
    timed(wallClock, [0.125]);
  }, false],
  ["C1", "time falls as fast", ({ wallClock }) => timed(wallClock, [-0.125]), false],
  ["C1", "time grows as the power 0.09 of the batch size", ({ wallClock }) => {
    timed(wallClock, [0.09]);
  }, true],
  ["C1", "all repeats agree that it hardly grows", ({ wallClock }) => {
    timed(wallClock, [0.02, -0.03, 0.05]);
  }, true],
  ["C1", "all repeats agree that it grows", ({ wallClock }) => {
    timed(wallClock, [0.2, 0.3, 0.25]);
  }, false],
  ["C1", "one repeat of three grows", ({ wallClock }) => {
    timed(wallClock, [0.02, 0.3, 0.01]);
  }, null],
  ["C1", "the largest batch size was slow once, fourfold", ({ wallClock }) => {
    timed(wallClock, [0, 0, 0]);
    wallClock[5].activationAware[1]! *= 4;
  }, null],
  ["C1", "one batch size takes half as long again, for no trend", ({ wallClock }) => {
    wallClock[2].activationAware[0] *= 1.5;
  }, true],
  ["C1", "only one batch size was timed", (evidence) => {
    evidence.wallClock = evidence.wallClock.slice(0, 1);
  }, null],
  ["C1", "nothing was timed", (evidence) => {
    evidence.wallClock = [];
  }, null],
  ["C2", "one point is as high as the standard", ({ curves: [code] }) => {
    code.points[2].difference = bare(0);
  }, false],
  ["C2", "all intervals lie below 0", ({ curves }) => everywhere(curves, -0.02, -0.001), true],
  ["C2", "one interval reaches 0", ({ curves }) => {
    everywhere(curves, -0.02, -0.001);
    curves[1].points[0].difference = between(-0.02, 0.001);
  }, null],
  ["C2", "one interval lies above 0", ({ curves }) => {
    everywhere(curves, -0.02, 0.001);
    curves[1].points[0].difference = between(0.001, 0.002);
  }, false],
  ["C2", "no point was measured", ({ curves }) => {
    for (const curve of curves) curve.points = [];
  }, null],
  ["C3", "health gains as little as wikitext", ({ curves: [, health] }) => {
    for (const point of health.points) point.difference = bare(-0.028);
  }, true],
  ["C3", "every gain is negative, finance's and code's the least so", ({ curves }) => {
    gains(curves, {
      code: [-0.02, -0.01],
      finance: [-0.02, -0.01],
      health: [-0.2, -0.1],
      wikitext: [-0.3, -0.2],
    });
  }, false],
  ["C3", "the structured domains gain more by far", ({ curves }) => {
    gains(curves, {
      code: [0.2, 0.22],
      finance: [0.2, 0.22],
      health: [0.05, 0.06],
      wikitext: [0.01, 0.02],
    });
  }, true],
  ["C3", "the intervals of finance and health lie over each other", ({ curves }) => {
    gains(curves, {
      code: [0.2, 0.22],
      finance: [0.04, 0.1],
      health: [0.03, 0.08],
      wikitext: [0.01, 0.02],
    });
  }, null],
  ["C3", "code gains more than others, but perhaps nothing", ({ curves }) => {
    gains(curves, {
      code: [-0.01, 0.03],
      finance: [0.2, 0.22],
      health: [-0.3, -0.2],
      wikitext: [-0.3, -0.2],
    });
  }, null],
  ["C3", "health gains clearly more, however wide the others are", ({ curves }) => {
    gains(curves, {
      code: [-0.01, 0.03],
      finance: [0.01, 0.03],
      health: [0.3, 0.32],
      wikitext: [-0.1, 0.1],
    });
  }, false],
  ["C3", "finance was not scored", (evidence) => {
    evidence.curves = evidence.curves.filter(({ domain }) => domain !== "finance");
  }, null],
  ["C4", "Zephyr's perplexity falls below the standard", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(-0.0001);
  }, true],
  ["C4", "Zephyr's perplexity equals the standard", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(0);
  }, false],
  ["C4", "all are lower by more than their intervals", ({ pairs }) => clearlyBetter(pairs), true],
  ["C4", "all are lower, one by less than its interval", ({ pairs }) => {
    clearlyBetter(pairs);
    pairs[2].difference = between(-0.1, 0.01);
  }, null],
  ["C4", "one is higher by less than its interval", ({ pairs }) => {
    clearlyBetter(pairs);
    pairs[2].difference = between(-0.01, 0.1);
  }, null],
  ["C4", "one is higher by more than its interval, another by less", ({ pairs }) => {
    clearlyBetter(pairs);
    pairs[2].difference = between(-0.01, 0.1);
    pairs[3].difference = between(0.01, 0.1);
  }, false],
  ["C4", "one text was a single document", ({ pairs }) => {
    clearlyBetter(pairs);
    pairs[0].difference = { value: -0.5, low: -Infinity, high: Infinity };
  }, null],
  ["C5", "Zephyr's perplexity alone falls", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(-0.1);
  }, false],
  ["C5", "Zephyr's time alone falls", ({ pairs: [zephyr] }) => {
    zephyr.activationAwareTime = [75];
  }, false],
  ["C5", "Zephyr's time and perplexity fall", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(-0.1);
    zephyr.activationAwareTime = [75];
  }, true],
  ["C5", "the perplexity falls by less than its interval", ({ pairs: [zephyr] }) => {
    zephyr.difference = between(-0.1, 0.01);
    zephyr.activationAwareTime = [75];
  }, null],
  ["C5", "one repeat was slow, beyond half the standard's time", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(-0.1);
    zephyr.activationAwareTime = [70, 71, 110];
  }, null],
  ["C5", "one of the standard's repeats was slow", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(-0.1);
    zephyr.standardTime = [15.3, 57.6, 15.1];
    zephyr.activationAwareTime = [0.3, 0.31, 0.4];
  }, true],
  ["C5", "no pair stands for Zephyr's", ({ pairs }) => {
    pairs[0].studyFine = null;
  }, null],
  ["C6", "Zephyr's perplexity falls", ({ pairs: [zephyr] }) => {
    zephyr.difference = bare(-0.1);
  }, true],
  ["C6", "Zephyr's perplexity falls, and one pair is 1.49 times as fast", ({ pairs }) => {
    pairs[0].difference = bare(-0.1);
    pairs[1].activationAwareTime = [pairs[1].standardTime[0] / 1.49];
  }, false],
  ["C6", "one repeat of one pair was slow", ({ pairs }) => {
    clearlyBetter(pairs);
    const [seconds] = pairs[1].standardTime;
    pairs[1].activationAwareTime = [seconds / 2, seconds / 2, seconds];
  }, null],
  ["C6", "all repeats of one pair were slow", ({ pairs }) => {
    clearlyBetter(pairs);
    const [seconds] = pairs[1].standardTime;
    pairs[1].activationAwareTime = [seconds, seconds / 1.2, seconds];
  }, false],
  ["C6", "one is lower by less than its interval", ({ pairs }) => {
    clearlyBetter(pairs);
    pairs[3].difference = between(-0.1, 0.01);
  }, null],
  ["C7", "a delta is 2 % larger", ({ bytes }) => {
    bytes.delta *= 1.02;
  }, false],
];

for (const [claim, what, edit, holds] of edits) {
  Deno.test(`${claim}, if ${what}: ${holds ?? "cannot be told"}`, () => {
    assert.equal(judge(changed(edit), claim).holds, holds);
  });
}

Deno.test("C2 counts the points that are lower, those by more than their interval, and the contrary", () => {
  const evidence = asOurs(({ curves }) => {
    everywhere(curves, -0.02, -0.001);
    curves[0].points[0].difference = between(0.1, 0.2);
    curves[0].points[1].difference = between(-0.02, 0.01);
  });
  const { because } = judge(evidence, "C2");
  assert.match(
    because,
    /lower at 19 of 20 points, by more than the 95 % interval at 18, higher by more than it at 1$/,
  );
});

Deno.test("a verdict tells the interval or the repeats that it rests on", () => {
  const evidence = asOurs(({ wallClock, pairs }) => {
    timed(wallClock, [0.02, -0.03, 0.05]);
    clearlyBetter(pairs);
    for (const pair of pairs) {
      pair.standardTime = [150, 160, 140];
      pair.activationAwareTime = [50, 40, 60];
    }
    pairs[2].difference = between(-0.1, 0.01);
  });
  assert.match(
    judge(evidence, "C1").because,
    /power 0\.02 \[−0\.03, 0\.05\].*; medians of 3 timings or more$/,
  );
  assert.match(
    judge(evidence, "C4").because,
    /lower on 4 of 4 pairs, by more than the 95 % interval on 3; not clearly on .*vicuna.* 7\.582 against 7\.842, by −4\.5 \[−10\.0, 1\.0\] %$/,
  );
  // 50 / 150, between 40 / 160 and 60 / 140.
  assert.match(judge(evidence, "C5").because, /66\.7 \[57\.1, 75\.0\] % less time/);
  assert.match(
    judge(evidence, "C6").because,
    /^3\.00 times as fast, by the slowest repeats 2\.33/,
  );
});

Deno.test("a time that we took once tells nothing by itself, one of equal repeats does", () => {
  for (const [repeats, expected] of [[1, null], [3, true]] as const) {
    const evidence = asOurs(({ wallClock, pairs }) => {
      const repeated = (seconds: number): [number, ...number[]] => [
        seconds,
        ...Array.from({ length: repeats - 1 }, () => seconds),
      ];
      for (const each of wallClock) each.activationAware = repeated(48);
      clearlyBetter(pairs);
      for (const pair of pairs) {
        pair.standardTime = repeated(150);
        pair.activationAwareTime = repeated(50);
      }
    });
    for (const claim of ["C1", "C5", "C6"]) {
      assert.equal(judge(evidence, claim).holds, expected, claim);
      assert.match(
        judge(evidence, claim).because,
        repeats === 1 ? /; timed once, so without a range$/ : /; medians of 3 timings or more$/,
      );
    }
    assert.match(
      judge(evidence, "C5").because,
      repeats === 1 ? /: 66\.7 % \(no interval\) less time,/ : /: 66\.7 % less time,/,
    );
    assert.equal(/by the slowest/.test(judge(evidence, "C6").because), repeats > 1);
  }
  const untimed = asOurs(({ pairs }) => {
    pairs[2].difference = between(0.1, 0.2);
  });
  assert.equal(judge(untimed, "C6").holds, false, "a higher perplexity decides");
});

Deno.test("an interval of ours without width is no number that was published", () => {
  const evidence = asOurs(({ curves, pairs }) => {
    everywhere(curves, 0, 0);
    for (const pair of pairs) pair.difference = between(0, 0);
  });
  for (const claim of ["C2", "C3", "C4", "C5", "C6"]) {
    assert.equal(judge(evidence, claim).holds, false, claim);
    assert.doesNotMatch(judge(evidence, claim).because, /published/);
  }
});

Deno.test("C7 tells what several fine-tunes save, their one base counted", () => {
  const evidence = changed((draft) => draft.bytes = { fine: 1600, delta: 100 });
  // 16 · 1600 against 1600 + 16 · 100.
  assert.match(judge(evidence, "C7").because, /is 16\.00 times .* 16 fine-tunes are 8\.00 times/);
});
