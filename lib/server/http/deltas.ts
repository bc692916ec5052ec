/** `/v1/deltas`: tenants loaded, listed, pinned and taken away. */

import * as v from "valibot";
import { ApiError } from "./api_error.ts";
import { readJsonBody } from "./body.ts";
import type { Handler } from "./context.ts";
import { listed, modelCard } from "./models.ts";
import { parseFields } from "./request_fields.ts";

const fields = {
  /** A name, a path within the folder of deltas, or `hf:owner/name`. */
  source: v.string(),
  /** The tenant's name; unless told, the file's or repository's. */
  id: v.optional(v.string()),
  pinned: v.optional(v.boolean()),
};

/** `GET /v1/deltas`. */
export const listDeltas: Handler = async (context) =>
  await listed(context.catalogue.names(), (name) => deltaCard(context, name));

/** `POST /v1/deltas`: answers when the tenant is in memory. */
export const loadDelta: Handler = async (context, { request, note }) => {
  const { source, id, pinned } = parseFields(
    await readJsonBody(request, context.limits),
    fields,
    {},
  );
  const name = await context.catalogue.load(source, id, { signal: request.signal });
  note({ tenant: name });
  if (pinned !== undefined) await context.catalogue.pin(name, pinned);
  return Response.json(await deltaCard(context, name));
};

/** `DELETE /v1/deltas/{id}`: answers when its memory is free, those that run of it having come to their end. */
export const deleteDelta: Handler = async ({ catalogue }, { names: [name], note }) => {
  refuseBase(catalogue.parts.name, name);
  await catalogue.delete(name);
  note({ tenant: name });
  return Response.json({ id: name, object: "delta", deleted: true });
};

/** `POST` and `DELETE /v1/deltas/{id}/pin`. */
export const pinDelta =
  (isPinned: boolean): Handler => async (context, { names: [name], note }) => {
    refuseBase(context.catalogue.parts.name, name);
    await context.catalogue.pin(name, isPinned);
    note({ tenant: name });
    return Response.json(await deltaCard(context, name));
  };

async function deltaCard(context: Parameters<Handler>[0], name: string) {
  const { catalogue } = context;
  const card = await modelCard(context, name);
  const { state, running } = catalogue.standing(name)!;
  return { ...card, object: "delta", source: catalogue.source(name), state, running };
}

function refuseBase(base: string, name: string): void {
  if (name !== base) return;
  const expected = "one of GET /v1/deltas";
  throw new ApiError("invalid", { problem: "is the base", option: "id", value: name, expected });
}
