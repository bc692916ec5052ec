import { UploadHub } from "./hub/upload_routes.ts";
const hub = await UploadHub.start({ token: "hf_x1", partSize: Number(Deno.args[0] ?? Infinity) });
console.log(hub.hub.endpoint);
await new Promise(() => {});
