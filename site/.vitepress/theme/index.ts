/** VitePress' own theme in the Lab's colors, with live cells, and kept for times without a network. */
import { inBrowser, type Theme, withBase } from 'vitepress'
import Default from 'vitepress/theme-without-fonts'
import { LiveCell } from './live/liveCell.ts'
import './style.css'

export default {
  extends: Default,
  enhanceApp({ app }) {
    app.component('LiveCell', LiveCell)
    if (inBrowser && import.meta.env.PROD && 'serviceWorker' in navigator) {
      // After the page is there: what it keeps is asked for once more.
      addEventListener('load', () => {
        navigator.serviceWorker.register(withBase('/serviceWorker.js')).catch(() => undefined)
      })
    }
  },
} satisfies Theme
