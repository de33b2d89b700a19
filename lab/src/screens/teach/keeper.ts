/** Keeps what is taught in the browser: restored on the next visit, saved a moment after it has changed. One tab at a time does so. */
import { effect, signal } from '@preact/signals'
import { browserFiles } from '../../../../src/formats/browserFiles.ts'
import { keepingProblem, SavedSession } from './saved.ts'
import type { Lesson, Teach } from './teach.ts'

/** Milliseconds after a change in which others may come. */
const saveAfter = 1000

/** The keeper of a page. */
export class Keeper {
  /** Why nothing is kept, as a sentence. */
  readonly problem = signal<string | undefined>(undefined)
  /** Whether everything is. */
  readonly isKept = signal(false)
  readonly #teach: Teach
  #session: SavedSession | undefined
  #unwatch: () => void = () => undefined
  /** Saves, when something has changed since it was asked to last. */
  #due: { readonly timer: ReturnType<typeof setTimeout>; save(): void } | undefined
  #isSought = false
  #saving: Promise<void> = Promise.resolve()

  constructor(teach: Teach) {
    this.#teach = teach
  }

  /**
   * Opens the trunk of the last visit, with what was taught on it, or the trunk of the Lab.
   * @throws Error when neither can be opened
   */
  async begin(shipped: string): Promise<void> {
    const own = this.#isSought ? undefined : await this.#find()
    this.#isSought = true
    if (own) {
      await this.#open(own).catch((error: Error) => {
        this.problem.value = `The trunk of the last visit, ${own.name}, does not open: ${error.message}`
      })
      if (this.#teach.lesson.peek()) return
    }
    await this.#open(shipped)
  }

  /** What was saved, if this tab may have it. @returns the trunk of one's own that it was taught with */
  async #find(): Promise<File | undefined> {
    try {
      if (!(await isOnlyTab())) {
        this.problem.value =
          'Teach is open in another tab, which keeps what is taught there. What you teach here is gone with the tab.'
        return undefined
      }
      this.#session = await SavedSession.open(await browserFiles())
      return await this.#session.trunk()
    } catch (error) {
      this.problem.value = keepingProblem(error)
      return undefined
    }
  }

  /** Begins anew with a trunk. @throws Error when it cannot be opened; all is as it was then */
  async use(trunk: string | File): Promise<void> {
    await this.#teach.open(trunk)
    this.#begin(this.#teach.lesson.peek()!)
  }

  /** Opens a trunk, with what was saved of it. */
  async #open(trunk: string | File): Promise<void> {
    await this.#teach.open(trunk)
    const lesson = this.#teach.lesson.peek()!
    await this.#restore(lesson)
    this.#begin(lesson)
  }

  #begin(lesson: Lesson): void {
    if (lesson.classes.all.peek().length === 0) for (let k = 0; k < 2; k++) lesson.classes.add()
    this.#watch(lesson)
  }

  async #restore({ trunk, classes, store }: Lesson): Promise<void> {
    try {
      const found = await this.#session?.restore(trunk.fingerprint, classes, store)
      if (found === 'of another trunk') {
        this.#teach.problem.value =
          'What was taught here before was seen by another trunk, whose features mean nothing to this one: add the pictures again.'
      }
    } catch (error) {
      this.#teach.problem.value = `What was taught on the last visit cannot be read: ${(error as Error).message}. Add the pictures again.`
    }
  }

  #watch(lesson: Lesson): void {
    this.#unwatch()
    const save = (): void => {
      clearTimeout(this.#due?.timer)
      this.#due = undefined
      this.#save(lesson)
    }
    const hide = (): void => {
      if (document.visibilityState === 'hidden') this.#due?.save()
    }
    let isFirst = true
    const end = effect(() => {
      lesson.classes.version.value
      if (!isFirst) {
        this.isKept.value = false
        this.#due ??= { timer: setTimeout(save, saveAfter), save }
      }
      isFirst = false
    })
    document.addEventListener('visibilitychange', hide)
    this.#unwatch = () => {
      end()
      document.removeEventListener('visibilitychange', hide)
      clearTimeout(this.#due?.timer)
      this.#due = undefined
    }
  }

  #save({ trunk, own, classes, store }: Lesson): void {
    const session = this.#session
    if (!session) return
    this.#saving = this.#saving.then(async () => {
      const version = classes.version.peek()
      try {
        await session.save(trunk.fingerprint, own, classes, store)
        this.isKept.value = version === classes.version.peek()
        this.problem.value = undefined
      } catch (error) {
        this.problem.value = keepingProblem(error)
      }
    })
  }
}

/** Whether no other tab of this origin teaches; this one is the only one from then on. */
function isOnlyTab(): Promise<boolean> {
  // Pages of plain http have no locks, and no storage to quarrel about either.
  if (!navigator.locks) return Promise.resolve(true)
  return new Promise(resolve => {
    void navigator.locks.request('fovea-teach', { ifAvailable: true }, lock => {
      resolve(lock !== null)
      // Held until the tab is closed.
      return lock && new Promise(() => undefined)
    })
  })
}
