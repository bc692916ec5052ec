import assert from "node:assert/strict";
import { resolve } from "node:path";
import { projectPath } from "../../lib/util/project.ts";

Deno.test("a path of the project is the same from any folder; an absolute one and a name on the Hub stay", () => {
  const root = resolve(import.meta.dirname!, "../..");
  assert.equal(projectPath("data/study.json"), resolve(root, "data/study.json"));
  assert.equal(projectPath("/elsewhere"), "/elsewhere");
  // As notebooks are given them: `-p base=hf:owner/name`.
  assert.equal(projectPath("hf:owner/name@main/folder"), "hf:owner/name@main/folder");
});
