import assert from "node:assert/strict";
import { ConfigError, DeltaError, nameFile, TextError } from "../../lib/util/errors.ts";

const where = { problem: "is wrong", file: "a/config.json", option: "x", expected: "another" };

function message(value: unknown): string {
  return new ConfigError({ ...where, value }).message;
}

Deno.test("an error names its place, the value found and what was expected", () => {
  const place = "file 'a/config.json', option 'x': is wrong: got";
  assert.equal(message("text"), `${place} 'text'; expected another`);
  assert.equal(message([1, ["a"]]), `${place} [1, ['a']]; expected another`);
  assert.equal(
    message({ a: null, b: { c: true } }),
    `${place} {a: null, b: {c: true}}; expected another`,
  );
});

const long: [name: string, value: unknown][] = [
  ["text", "x".repeat(1e7)],
  ["lines", "one\ntwo\r\nthree\u2028four\u001b[31m".repeat(50)],
  ["a list", Array.from({ length: 1e6 }, (_, i) => i)],
  ["a list of texts", Array.from({ length: 100 }, () => "y".repeat(1e5))],
  ["an object of long names", { ["k".repeat(1e6)]: "v".repeat(1e6) }],
  ["what is nested deep", Array.from({ length: 1e5 }).reduce((inner) => [inner], 0)],
];
for (const [name, value] of long) {
  Deno.test(`an error shows no more than a line of ${name}`, () => {
    const text = message(value);
    assert.ok(text.length < 400, `${text.length}`);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\x00-\x1f\u2028]/);
    assert.match(text, /^file 'a\/config\.json', option 'x': is wrong: got .*; expected another$/);
  });
}

Deno.test("a tensor's name, a field and a problem are shown as a line too, both ends of them", () => {
  const name = `model.\n${"x".repeat(1e6)}.weight`;
  const { message, fault } = new ConfigError({
    ...where,
    problem: name,
    tensor: name,
    option: name,
  });
  assert.ok(message.length < 1100, `${message.length}`);
  assert.match(
    message,
    /^file 'a\/config\.json', tensor 'model\. x+…x+\.weight', option 'model\. x+…/,
  );
  assert.equal(fault.tensor, name, "programs get all of it");
});

Deno.test("half a character is not left where a value is cut", () => {
  assert.ok(message("😀".repeat(1001) + "y").isWellFormed());
});

const fault = { problem: "is too short", value: 3, expected: "4 words" };
const failing = (error: Error) => () => Promise.reject(error);

Deno.test("an error without a file is given one", async () => {
  await assert.rejects(nameFile("a.txt", TextError, failing(new TextError(fault))), (error) => {
    assert.ok(error instanceof TextError);
    assert.equal(error.message, "file 'a.txt': is too short: got 3; expected 4 words");
    return true;
  });
});

Deno.test("an error that names a file, or is of another class, stays as it is", async () => {
  for (const error of [new TextError({ ...fault, file: "b.txt" }), new DeltaError(fault)]) {
    await assert.rejects(nameFile("a.txt", TextError, failing(error)), (found) => found === error);
  }
});

Deno.test("a value is passed on", async () => {
  assert.equal(await nameFile("a.txt", TextError, () => Promise.resolve(5)), 5);
});
