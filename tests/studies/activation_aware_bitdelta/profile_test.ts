import assert from "node:assert/strict";
import { relative, resolve } from "node:path";
import { embeddedTextNames } from "../../../lib/texts/study_texts.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import {
  chooseProtocol,
  profiles,
} from "../../../lib/studies/activation_aware_bitdelta/profile.ts";
import {
  embeddedProtocol,
  realProtocol,
} from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";

Deno.test("a profile alone is its protocol", () => {
  for (const profile of ["full", "quick", "notebook"]) {
    assert.deepEqual(chooseProtocol({ profile }), profiles[profile]);
  }
  assert.deepEqual(profiles.real, realProtocol);
});

Deno.test("a folder of an embedded pair is that pair, however it is written", () => {
  const [, mistral] = embeddedProtocol.pairs;
  const here = relative(Deno.cwd(), mistral.base);
  const protocol = chooseProtocol({ profile: "full", base: here, fine: mistral.fine });
  assert.deepEqual(protocol, { ...embeddedProtocol, pairs: [mistral] });
});

Deno.test("any other folders are a pair that stands for none of the study's", () => {
  const { pairs } = chooseProtocol({ profile: "real", base: "my/llama", fine: "my/chat" });
  assert.deepEqual(pairs, [{
    name: "llama → chat",
    base: resolve("my/llama"),
    fine: resolve("my/chat"),
    standsFor: null,
  }]);
});

Deno.test("seeds begin where they are told to, as many as the profile has", () => {
  const { seeds, tableSeeds } = chooseProtocol({ profile: "full", seed: 7 });
  assert.deepEqual([seeds, tableSeeds], [[7, 8, 9], [7]]);
});

Deno.test("texts of the user's own are named in the protocol, in the place of the embedded ones", () => {
  const names = { ...embeddedTextNames, code: "code.txt" };
  const { texts, ...others } = chooseProtocol({ profile: "quick", texts: { names } });
  assert.deepEqual(texts, names);
  const { texts: embedded, ...quick } = profiles.quick;
  assert.deepEqual([embedded, others], [embeddedTextNames, quick]);
});

const refused = [
  { choice: { profile: "slow" }, message: /option 'profile'.*got 'slow'; expected full, quick/ },
  { choice: { profile: "toString" }, message: /names no profile: got 'toString'/ },
  { choice: { profile: "real" }, message: /option 'base': is missing; expected both/ },
  { choice: { profile: "quick", base: "a" }, message: /option 'fine': is missing; expected both/ },
  { choice: { profile: "quick", fine: "a" }, message: /option 'base': is missing; expected both/ },
  { choice: { profile: "quick", seed: 0.5 }, message: /option 'seed'.*got 0.5; expected a whole/ },
];

for (const { choice, message } of refused) {
  Deno.test(`${JSON.stringify(choice)} is refused`, () => {
    assert.throws(
      () => chooseProtocol(choice),
      (error) => error instanceof OptionError && message.test(error.message),
    );
  });
}

Deno.test("options of a command line are named as they are written there", () => {
  assert.throws(() => chooseProtocol({ profile: "slow" }, "--"), /option '--profile'/);
});
