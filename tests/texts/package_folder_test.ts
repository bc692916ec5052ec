/** Files of the packages that texts come from. */

import assert from "node:assert/strict";
import { packageFolder, packageText } from "../../lib/texts/package_folder.ts";
import { TextError } from "../../lib/util/errors.ts";

Deno.test("a package that is not there, and a file that one lacks, are said by name", async () => {
  assert.throws(() => packageFolder("no-such-package"), (error) => {
    assert.ok(error instanceof TextError);
    return /text package is not installed: got 'no-such-package'/.test(error.message);
  });
  await assert.rejects(packageText("lodash", "no such file"), (error) => {
    assert.ok(error instanceof TextError);
    return /file '.*no such file': is not there; expected the package 'lodash' whole; install/
      .test(error.message);
  });
});
