/** Trials of a search on its page: the one that is pointed at, or has the focus in the table, is marked everywhere, and read out. */

/** Makes all marks of trials, elements with `data-trial`, answer. @param reading is told what the marked one's row says */
export function linkTrials(reading: HTMLElement): void {
  const marks = [...document.querySelectorAll<HTMLElement | SVGElement>('[data-trial]')]
  const first = reading.textContent
  const mark = (name: string | undefined): void => {
    for (const element of marks) element.classList.toggle('on', element.dataset.trial === name)
    reading.textContent = name === undefined ? first : wordsOf(name)
  }
  const wordsOf = (name: string): string => {
    const row = marks.find(element => element.dataset.trial === name && element.localName === 'tr')!
    const heads = [...row.closest('table')!.querySelectorAll('thead th')].map(head => head.textContent)
    const cells = [...row.children].map((cell, k) => (k === 0 ? '' : `${heads[k]} ${cell.textContent}`))
    return `${name}: ${cells.slice(1).join(', ')}`
  }
  const trialAt = (event: Event): string | undefined =>
    (event.target as Element).closest<HTMLElement>('[data-trial]')?.dataset.trial
  for (const type of ['pointerover', 'focusin']) addEventListener(type, event => mark(trialAt(event)))
  for (const element of marks) if (element.localName === 'tr') (element as HTMLElement).tabIndex = 0
}
