/** Errors in a recipe, and in its code. */

/** The location of a {@link RecipeError}, for programs that show it beside the field. */
export interface RecipePlace {
  /** The field, `optimizer.lr`. */
  readonly field?: string | undefined
  /** What it holds. */
  readonly value?: unknown
  /** What it must be: `must be positive`. */
  readonly rule?: string | undefined
}

/** Thrown for an invalid recipe. Its message names the field, its value and the rule. */
export class RecipeError extends Error implements RecipePlace {
  override readonly name: string = 'RecipeError'
  readonly field?: string | undefined
  readonly value?: unknown
  readonly rule?: string | undefined

  constructor(message: string, { field, value, rule, cause }: RecipePlace & ErrorOptions = {}) {
    super(message, cause === undefined ? {} : { cause })
    this.field = field
    this.value = value
    this.rule = rule
  }
}

/** Thrown for faulty code in a recipe file. Its message begins with file, line and column. */
export class SourceError extends RecipeError {
  override readonly name = 'SourceError'
  /** The lines around the place. */
  readonly frame: string

  constructor(message: string, frame: string, options?: ErrorOptions) {
    super(message, options)
    this.frame = frame
  }
}
