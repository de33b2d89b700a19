/** The icons of the Lab: a box of 16, lines of 1.5. */
const paths = {
  pencil: 'M3 13l.8-3.2 7-7 2.4 2.4-7 7zM9.4 4.2l2.4 2.4',
  eraser: 'M7 13h6M2.8 9.6l6-6 4.2 4.2-5.2 5.2H6.2z',
  undo: 'M5.5 4L2.5 7l3 3M2.5 7h7a3.5 3.5 0 010 7H7.500',
  link: 'M6.500 9.500l3-3M7 4.500l1.600-1.600a2.900 2.900 0 014.500 4.500L11.500 9M9 11.500l-1.600 1.600a2.900 2.900 0 01-4.500-4.500L4.500 7',
  play: 'M5 3.200v9.600L12.800 8z',
  pause: 'M5.200 3.500v9M10.800 3.500v9',
  next: 'M4 3.500v9L10 8zM12 3.500v9',
  back: 'M12 3.500v9L6 8zM4 3.500v9',
  start: 'M12.500 3.500v9L7.500 8zM7.500 3.500v9L2.500 8zM2.500 3.500v9',
  close: 'M4 4l8 8M12 4l-8 8',
  swap: 'M3 5.500h9M9.500 3L12 5.500 9.500 8M13 10.500H4M6.500 8L4 10.500 6.500 13',
} as const

/** A drawing in the color of the text; what it means says its button. */
export function Icon({ name }: { readonly name: keyof typeof paths | 'theme' }) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true" class={`icon-${name}`}>
      {name === 'theme' ? (
        <>
          <circle cx="8" cy="8" r="5" />
          <path d="M8 3a5 5 0 010 10z" fill="currentColor" />
        </>
      ) : (
        <path d={paths[name]} />
      )}
    </svg>
  )
}

/** The eye that sees sharply in its middle. */
export function Mark() {
  return (
    <svg viewBox="0 0 18 18" aria-hidden="true" class="mark">
      <circle cx="9" cy="9" r="8" />
      <circle cx="9" cy="9" r="3.25" class="pupil" />
    </svg>
  )
}
