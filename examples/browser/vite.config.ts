import { defineConfig } from 'vite'

// Isolates the page, so that threads may share memory.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}
// Workers are modules too, of one format with the page's.
export default defineConfig({ server: { headers }, preview: { headers }, worker: { format: 'es' } })
