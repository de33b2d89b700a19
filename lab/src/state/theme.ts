/** Light or dark: as the system is, unless the person has chosen. */
import { computed, signal } from '@preact/signals'
import type { Theme } from '../draw/scale.ts'

const key = 'fovea-lab-theme'
const dark = matchMedia('(prefers-color-scheme: dark)')
const system = signal<Theme>(dark.matches ? 'dark' : 'light')
dark.addEventListener('change', () => {
  system.value = dark.matches ? 'dark' : 'light'
})

/** Storage may be forbidden. */
function stored(): Theme | undefined {
  try {
    const value = localStorage.getItem(key)
    return value === 'light' || value === 'dark' ? value : undefined
  } catch {
    return undefined
  }
}

const chosen = signal<Theme | undefined>(stored())

/** The theme that is shown. */
export const theme = computed<Theme>(() => chosen.value ?? system.value)

/** Changes between light and dark, and remembers it. */
export function toggleTheme(): void {
  chosen.value = theme.value === 'dark' ? 'light' : 'dark'
  try {
    localStorage.setItem(key, chosen.value)
  } catch {
    // It is then only of this visit.
  }
}
