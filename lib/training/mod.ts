/** What a method that trains, or a training of one's own, is made of. */

export { AdamW, type AdamWSettings, type Moments, type StepFactors, torchAdamW } from "./adamw.ts";
export {
  type BatchFeeds,
  type CompiledLoss,
  compileLoss,
  type LossResult,
  type ParameterArrays,
  type ParameterFeeds,
  type StayingGradient,
} from "./compiled_loss.ts";
export {
  type DistillationLoss,
  meanCrossEntropy,
  squaredError,
  weightedDivergence,
} from "./losses.ts";
export { cosineSchedule, type Schedule, warmUpAndCosineSchedule } from "./schedules.ts";
export { type Suspect, Trainer, type TrainerOptions, type TrainOptions } from "./trainer.ts";
export { type TrainingLog, TrainingStateError } from "./training_state.ts";
