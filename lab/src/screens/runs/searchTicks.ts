/** Ticks of a search's axes, as the report of the search has them. */
import { fieldTicks, type PlacedTick, scoreAxis } from '../../../../src/report/searchAxes.ts'
import type { SearchAxis } from './searchAxes.ts'

/** Positions are 0 at the lower end of the axis and 1 at the upper. */
export function searchTicks({ range }: SearchAxis): readonly PlacedTick[] {
  return range.kind === 'score' ? scoreAxis([range.low, range.high], range.metric).ticks : fieldTicks(range)
}
