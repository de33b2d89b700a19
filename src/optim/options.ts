/** Checks of options: every error names the function, the option, its value and the rule. */

/** Checks that an option is a number ≥ 0 (and < `below`). @throws RangeError naming the option and its value. */
export function checkOption(owner: string, name: string, value: number, below = Number.POSITIVE_INFINITY): void {
  if (!(value >= 0 && value < below)) {
    const rule = below === Number.POSITIVE_INFINITY ? 'a number ≥ 0' : `at least 0 and less than ${below}`
    throw new RangeError(`${owner}: ${name} (=${value}) must be ${rule}`)
  }
}

/** Checks that an option is a finite number > 0. @throws RangeError naming the option and its value. */
export function checkPositive(owner: string, name: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${owner}: ${name} (=${value}) must be a number > 0`)
  }
}

/** Checks that an option is in 0 … 1. @throws RangeError naming the option and its value. */
export function checkShare(owner: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${owner}: ${name} (=${value}) must be between 0 and 1`)
}

/** Checks that an option is a whole number of at least `least`. @throws RangeError naming the option and its value. */
export function checkWhole(owner: string, name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${owner}: ${name} (=${value}) must be a whole number of at least ${least}`)
  }
}
