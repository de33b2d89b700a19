/** The worker of the head: fits it apart from the trunk, so that a camera's frames do not wait for it. */
import { answerCalls } from './calls.ts'
import { HeadFitter } from './fitHead.ts'
import type { HeadQuestions } from './protocol.ts'

const fitter = new HeadFitter()

answerCalls<HeadQuestions>({ fit: (features, labels) => fitter.fit(features, labels) })
