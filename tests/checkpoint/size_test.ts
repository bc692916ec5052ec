import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { weightBytes } from "../../lib/checkpoint/size.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

for (const dtype of ["F32", "BF16", "F16"] as const) {
  for (const tiedEmbeddings of [false, true]) {
    Deno.test(`weights of ${dtype} take what the file's data takes, tied: ${tiedEmbeddings}`, async () => {
      await using folder = await temporaryFolder();
      await saveTiny(folder.path, { dtype, config: { ...TINY_CONFIG, tiedEmbeddings } });
      using checkpoint = await Checkpoint.open(folder.path);
      const file = await Deno.readFile(`${folder.path}/model.safetensors`);
      const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
      assert.equal(weightBytes(checkpoint), file.length - 8 - headerLength);
    });
  }
}
