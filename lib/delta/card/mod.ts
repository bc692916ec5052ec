/** Model cards of deltas and of the models that they give. */

export { cardOfDelta, type CardSources, readCardScores } from "./card_of_delta.ts";
export {
  type CardLicense,
  type CardModel,
  type CardScore,
  type ModelCard,
  modelCard,
} from "./model_card.ts";
export type { StoredMatrices } from "./stored_matrices.ts";
export { isOwnCard, markedCard, writeCard } from "./write_card.ts";
