/** What goes wrong with classifiers. */

/** Thrown for a file that is no classifier, or a broken one, and for a model that cannot be made into one. */
export class ClassifierError extends Error {
  override readonly name = 'ClassifierError'
}

/** Thrown for a graph that breaks a rule; whoever knows its file adds the name. */
export class GraphError extends Error {
  override readonly name = 'GraphError'
}
