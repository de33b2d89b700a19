/** Training in one call. */
import type { TrainEvent } from './events.ts'
import { Trainer } from './trainer.ts'
import type { TrainerOptions } from './trainerOptions.ts'

/**
 * Trains a model and yields its events; at the end the model's host values are the trained ones.
 * @example for await (const event of fit({ model, train, engine, optimizer, epochs: 3 })) console.log(event)
 */
export function fit(options: TrainerOptions): AsyncGenerator<TrainEvent> {
  return new Trainer(options).run()
}
