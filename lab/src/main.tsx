/** The page begins here: the frame is drawn at once, the worker starts beside it. */
import { render } from 'preact'
import { App } from './frame/app.tsx'
import { isolate } from './isolate.ts'

const root = document.getElementById('lab')!
if (await isolate()) render(<App />, root)
