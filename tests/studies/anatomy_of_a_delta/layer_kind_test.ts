import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/checkpoint/config.ts";
import { linearLayerNames } from "../../../lib/checkpoint/weights.ts";
import { layerKinds, layerPlace } from "../../../lib/studies/anatomy_of_a_delta/layer_kind.ts";
import { ReportError } from "../../../lib/figures/figure.ts";

Deno.test("every linear layer of a checkpoint has its place, in the order of the forward pass", async () => {
  const path = new URL("../../fixtures/oracle/A/base_f32/config.json", import.meta.url);
  const config = parseConfig(JSON.parse(await Deno.readTextFile(path)), "config.json");
  assert.deepEqual(
    linearLayerNames(config).map(layerPlace),
    [0, 1, 2].flatMap((layer) => layerKinds.map((kind) => ({ layer, kind }))),
  );
  assert.deepEqual(layerKinds, ["q", "k", "v", "o", "gate", "up", "down"]);
});

for (const name of ["model.embed_tokens", "model.layers.1.mlp.left_proj", "q_proj", ""]) {
  Deno.test(`'${name}' is no linear layer`, () => {
    assert.throws(() => layerPlace(name), (error) => {
      assert.ok(error instanceof ReportError);
      assert.match(error.message, /is no linear layer; expected a name like/);
      return true;
    });
  });
}
