/** A sentence in which names of commands stand between backticks: they are shown as code. */

/** The sentence. */
export function Said({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, k) => (k % 2 === 1 ? <code key={k}>{part}</code> : part))}</>
}
