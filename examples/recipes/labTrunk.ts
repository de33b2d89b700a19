/**
 * fovea train examples/recipes/labTrunk.ts: the small network whose features the Lab's screen Teach learns from, on
 * CIFAR-10. It is cifar10Fast.ts with fewer channels: 295,000 weights, a sixth of the work. `npx tsx scripts/labTrunk.ts runs/labTrunk`
 * puts it into the Lab.
 */
import { defineRecipe } from 'fovea/recipe'
import fast, { fastNetwork } from './cifar10Fast.ts'

export default defineRecipe({
  ...fast,
  model: fastNetwork([32, 64, 128]),
  epochs: 8,
  batchSize: 512,
})
