/** Whether a screen of the Lab is wider than its window: at the widths of a desk, a tablet and a phone. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** Widths of windows; at the second there is just room for columns beside each other. */
const widths = [1440, 1141, 820, 390] as const

/** What reaches over the right edge of the window, and boxes that can be scrolled sideways. */
function tooWide(): string[] {
  const { clientWidth } = document.documentElement
  const found: string[] = []
  const isPage = document.documentElement.scrollWidth > innerWidth
  if (isPage) found.push(`the page, by ${document.documentElement.scrollWidth - innerWidth}`)
  for (const element of document.querySelectorAll<HTMLElement>('#lab *')) {
    const { overflowX } = getComputedStyle(element)
    const name = `${element.tagName.toLowerCase()}.${element.getAttribute('class')}`
    // Drawings cut what is outside of them, and the screen reader's own texts take no room.
    // A plane to move about on, as the graph of Build is, may be larger than its place, and on a phone so is the bar of screens.
    if (element.closest('svg, .unseen, .top .tabs') || element.matches('.canvas')) continue
    const isScroller = overflowX === 'auto' || overflowX === 'scroll'
    if (isScroller && element.scrollWidth > element.clientWidth) found.push(`${name} scrolls`)
    if (element.getBoundingClientRect().right > clientWidth + 0.5) found.push(`${name} reaches over the edge`)
  }
  return found
}

/** Measures a page at each width, when it is laid out for that. */
export async function expectFitting(page: Page, all: readonly number[] = widths): Promise<void> {
  for (const width of all) {
    await page.setViewportSize({ width, height: 900 })
    await expect.poll(() => page.evaluate(tooWide), { message: `${width} pixels` }).toEqual([])
  }
}
