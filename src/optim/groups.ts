/** Parameter groups: which parameters learn faster, slower or not at all, and which have weight decay. */
import type { Parameter } from '../nn/module.ts'
import { checkOption } from './options.ts'
import { matchesPath, type PathPattern, PatternError, pathsFitting } from './patterns.ts'

/** Exceptions for some parameters. If several groups match a parameter, later groups override earlier ones. */
export interface ParameterGroup {
  /** The parameters: a glob over paths (`features`, `layer?.**.bias`), a regular expression, or a list of these. */
  readonly match: PathPattern
  /** Factor of the learning rate, 1 by default. */
  readonly lrFactor?: number
  /** λ for these parameters, instead of the optimizer's. */
  readonly weightDecay?: number
  /** True for parameters that do not change; no gradient is computed for them. */
  readonly frozen?: boolean
}

/** Options that every optimizer has. */
export interface GroupOptions {
  /** Exceptions for some parameters; none by default. */
  readonly groups?: readonly ParameterGroup[]
  /**
   * The parameters that weight decay acts on: `'all'` (the default, as in PyTorch), or only `'weights'`. The latter
   * excludes biases and the scales and shifts of norms: every parameter that has fewer than two axes or is named
   * `bias`. A group's own decay takes precedence.
   */
  readonly decay?: 'all' | 'weights'
}

/** The settings of one parameter. */
export interface ParameterRule {
  readonly lrFactor: number
  readonly weightDecay: number
  readonly frozen: boolean
}

/** The groups of one optimizer. */
export class ParameterGroups {
  readonly #owner: string
  readonly #weightDecay: number
  readonly #groups: readonly ParameterGroup[]
  readonly #decay: 'all' | 'weights'

  /**
   * @param owner named in messages
   * @param weightDecay λ unless a group says otherwise
   * @throws RangeError when a factor or λ is negative.
   */
  constructor(owner: string, weightDecay: number, { groups = [], decay = 'all' }: GroupOptions) {
    checkOption(owner, 'weightDecay', weightDecay)
    if (decay !== 'all' && decay !== 'weights') {
      throw new RangeError(`${owner}: decay (=${String(decay)}) must be 'all' or 'weights'`)
    }
    groups.forEach((group, index) => {
      checkOption(owner, `groups[${index}].lrFactor`, group.lrFactor ?? 1)
      checkOption(owner, `groups[${index}].weightDecay`, group.weightDecay ?? 0)
    })
    this.#owner = owner
    this.#weightDecay = weightDecay
    this.#groups = groups
    this.#decay = decay
  }

  /** The settings of a parameter; `axes` is the number of its axes. */
  ruleOf(path: string, axes: number): ParameterRule {
    const usual = this.#decay === 'all' || isWeight(path, axes) ? this.#weightDecay : 0
    let rule: ParameterRule = { lrFactor: 1, weightDecay: usual, frozen: false }
    for (const { match, ...group } of this.#groups) if (matchesPath(match, path)) rule = { ...rule, ...defined(group) }
    return rule
  }

  /**
   * All but the frozen parameters.
   * @throws PatternError naming a pattern that matches no parameter, or if all are frozen.
   */
  trained(parameters: ReadonlyMap<string, Parameter>): Map<string, Parameter> {
    const paths = [...parameters.keys()]
    for (const { match } of this.#groups) pathsFitting(`${this.#owner}: the group`, match, paths)
    const left = [...parameters].filter(([path, { shape }]) => !this.ruleOf(path, shape.length).frozen)
    if (left.length === 0 && paths.length > 0) throw new PatternError(`${this.#owner}: every parameter is frozen`)
    return new Map(left)
  }
}

/** True for weights, but not for biases or for the scales and shifts of norms. */
export function isWeight(path: string, axes: number): boolean {
  return axes >= 2 && path.slice(path.lastIndexOf('.') + 1) !== 'bias'
}

/** The object without fields that are present but undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
