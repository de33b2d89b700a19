/** Conditions of jumps, and what a condition is for operands in the other order. */

/** Conditions of jumps and moves, by their encoding. */
export const conditions = {
  below: 2,
  notBelow: 3,
  equal: 4,
  notEqual: 5,
  notAbove: 6,
  above: 7,
  less: 12,
  notLess: 13,
  notGreater: 14,
  greater: 15,
} as const
export type Condition = (typeof conditions)[keyof typeof conditions]

/** The opposite of a condition. */
export const opposite = (condition: Condition): Condition => (condition ^ 1) as Condition

/** The condition for operands in the other order. */
export function mirrored(condition: Condition): Condition {
  switch (condition) {
    case conditions.less:
      return conditions.greater
    case conditions.greater:
      return conditions.less
    case conditions.notLess:
      return conditions.notGreater
    case conditions.notGreater:
      return conditions.notLess
    case conditions.below:
      return conditions.above
    case conditions.above:
      return conditions.below
    case conditions.notBelow:
      return conditions.notAbove
    case conditions.notAbove:
      return conditions.notBelow
    default:
      return condition
  }
}
