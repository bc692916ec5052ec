/** Pairs of any shapes, made of random numbers: for trying sizes whose checkpoints are not at hand. */

export { configurationLike, publishedConfigurations, statedTensors } from "./configurations.ts";
export { type MadePair, makePair, type MakePairOptions, SHAPES_MARK } from "./write_pair.ts";
