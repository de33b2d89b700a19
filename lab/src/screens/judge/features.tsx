import type { Judge } from './state.ts'
export function Features({ judge }: { readonly judge: Judge }) {
  return <p>{judge.judged.value?.features?.count}</p>
}
