/** What a page with a classifier of the Lab's screen Teach needs of Fovea, as one script beside it. */
export { loadClassifier } from '../src/classifier/index.ts'
export { createEngine } from '../src/index.ts'
