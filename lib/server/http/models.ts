/** `GET /v1/models` and one of them: the base and its tenants, as OpenAI's API lists models, and what they take. */

import { ApiError } from "./api_error.ts";
import type { Handler, ServerContext } from "./context.ts";
import { mayUse } from "./keys.ts";
import type { DeltaFacts } from "./tenant_delta.ts";

/** A model, as clients see it. */
interface ModelCard extends Partial<DeltaFacts> {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: string;
  /** The base's name; `null` of the base itself. */
  readonly parent: string | null;
  /** Tokens of prompt and answer together. */
  readonly max_model_len: number;
  /** Whether it is in memory; one that is not is loaded when it is asked for. */
  readonly loaded: boolean;
  readonly pinned: boolean;
  /** Why its delta cannot be used. */
  readonly error?: string;
}

/** All that a key may use. */
export const listModels: Handler = async (context, { key }) => {
  const { catalogue } = context;
  const names = [catalogue.parts.name, ...catalogue.names()].filter((name) => mayUse(key, name));
  return await listed(names, (name) => modelCard(context, name));
};

/** A list of cards, one after another: each opens a file the first time. What goes meanwhile is not on it. */
export async function listed(
  names: readonly string[],
  cardOf: (name: string) => Promise<unknown>,
): Promise<Response> {
  const data: unknown[] = [];
  for (const name of names) {
    try {
      data.push(await cardOf(name));
    } catch (error) {
      if (!(error instanceof ApiError && error.kind === "noModel")) throw error;
    }
  }
  return Response.json({ object: "list", data });
}

/** One of them. */
export const oneModel: Handler = async (context, { key, names: [name], note }) => {
  const { catalogue } = context;
  if (!mayUse(key, name)) catalogue.refuse(name);
  const card = await modelCard(context, name);
  note({ tenant: name });
  return Response.json(card);
};

/** A model as clients see it. @throws {ApiError} if there is none of the name. */
export async function modelCard(context: ServerContext, name: string): Promise<ModelCard> {
  const { catalogue, began: created, longest: max_model_len } = context;
  const standing = catalogue.standing(name);
  const card = { id: name, object: "model", created, owned_by: "bitdelta", max_model_len } as const;
  if (standing === null) return { ...card, parent: null, loaded: true, pinned: true };
  const { state, pinned, bytes } = standing;
  const of = { ...card, parent: catalogue.parts.name, loaded: state === "loaded", pinned };
  try {
    const facts = await catalogue.facts(name);
    return { ...of, ...facts, bytes: bytes ?? facts.bytes };
  } catch {
    return { ...of, error: "its delta cannot be read" };
  }
}
