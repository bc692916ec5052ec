/** What users call to run a model token by token: sequences of a base and of tenants on it. */

export type { BatchModel, NextToken, Sequence, TenantHost } from "./serving/batch_model.ts";
