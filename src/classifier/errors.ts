/** Errors of classifiers. */

/** Thrown for a file that is not a classifier or is broken, and for a model that cannot be made into one. */
export class ClassifierError extends Error {
  override readonly name = 'ClassifierError'
}

/** Thrown for a graph that breaks a rule; the caller that knows its file adds the name. */
export class GraphError extends Error {
  override readonly name = 'GraphError'
}
