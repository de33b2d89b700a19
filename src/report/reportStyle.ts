/**
 * Style sheet of the run report: it follows the reader's light or dark setting, works on a phone, and prints in light
 * colors on A4 or letter paper. It has no web font and no image, because the file must open without a network.
 */
import { gridCss } from '../plot/imageGrid.ts'
import { pageChartCss } from '../plot/page/pageChartCss.ts'
import { plotCss } from '../plot/theme.ts'

/** The whole style sheet. */
export const reportCss = `
:root{color-scheme:light dark;--ground:#fff;--text:#1c2430;--quiet:#5b6675;--line:#dfe3e8;--soft:#f5f7f9}
@media screen and (prefers-color-scheme:dark){:root{--ground:#14181e;--text:#e4e8ed;--quiet:#9aa5b3;--line:#2d343d;--soft:#1b2128}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main,body>header,body>footer{max-width:74rem;margin:0 auto;padding:0 1.5rem}
body>header{padding-top:3.5rem}
h1{font-size:2.25rem;line-height:1.15;letter-spacing:-.02em;font-weight:680;margin:0;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;font-weight:640;margin:0 0 .35rem}
h3{font-size:1rem;font-weight:600;margin:0 0 .5rem}
p{margin:0 0 .75rem;max-width:46rem}
.quiet,figcaption,.note{color:var(--quiet)}
.note,figcaption{font-size:.875rem;line-height:1.45}
.byline{margin:.5rem 0 0;max-width:none;color:var(--quiet)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(12.5rem,1fr));gap:1.25rem 2rem;margin:2rem 0 0;padding:1.5rem 0;border:solid var(--line);border-width:1px 0}
.facts dt{font-size:.875rem;color:var(--quiet)}
.facts dd{margin:0}
.facts dd b{display:block;font-size:1.6rem;line-height:1.3;font-weight:600;letter-spacing:-.015em}
.facts div:first-child b{color:var(--fovea-blue)}
.facts small{font-size:.875rem;color:var(--quiet);display:block;line-height:1.4}
section{margin-top:3.5rem}
section>.note{margin-bottom:1.25rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:2rem 3rem}
.pair>*{min-width:0}
figure{margin:0;break-inside:avoid}
figure>.note,figure>figcaption,figure+.note,table+.note,.scroll+.note{margin-top:.6rem}
.matrix{max-width:40rem}
.pair>.fovea-answering{max-width:34rem}
.filters{max-width:40rem}
.keys{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0 0 1.25rem;padding:0;font-size:.9375rem;overflow-wrap:anywhere}
.keys .fovea-key{width:1.5em}
.scroll{overflow-x:auto;margin:0 -1.5rem;padding:0 1.5rem}
table{border-collapse:collapse;font-size:.9375rem;width:100%}
.layers{font-size:.8125rem}
.layers th,.layers td{padding:.3rem .55rem}
th,td{padding:.4rem .9rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line);white-space:nowrap}
tr>:first-child{padding-left:0}
tr>:last-child{padding-right:0}
thead th{font-size:.875rem;font-weight:500;color:var(--quiet)}
tbody th{font-weight:500}
tfoot td,tfoot th{font-weight:600;border-bottom:0}
.number{text-align:right}
.narrow{width:auto}
pre,code{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--soft);border-radius:8px;padding:.9rem 1.1rem;margin:0;overflow-x:auto;tab-size:2}
.command{white-space:pre-wrap;overflow-wrap:anywhere}
.on-medium,.on-narrow{display:none}
@media (max-width:74rem){.on-wide{display:none}.on-medium{display:block}}
@media (max-width:48rem){.on-medium{display:none}.on-narrow{display:block}}
details{margin-top:1.5rem}
summary{cursor:pointer;color:var(--quiet);font-size:.9375rem}
details>.scroll,details>pre{margin-top:.75rem}
body>footer{margin-top:4rem;padding-bottom:3rem;color:var(--quiet);font-size:.875rem}
@media (max-width:40rem){body>header{padding-top:2rem}h1{font-size:1.75rem}section{margin-top:2.75rem}table{font-size:.875rem}th,td{padding:.4rem .5rem}thead th{white-space:normal;vertical-align:bottom}}
${plotCss}
${pageChartCss}
${gridCss}
.fovea-grid img{background:#000}
.fovea-grid figcaption{font-size:.8125rem}
.fovea-grid figcaption b{color:var(--text);font-weight:600}
@media print{
@page{margin:15mm}
body{font-size:9.5pt}
main,body>header,body>footer{max-width:none;padding:0}
body>header{padding-top:0}
h1{font-size:20pt}
section{margin-top:1.5rem}
.whole{break-inside:avoid}
h2,h3,section>.note{break-after:avoid}
.note,figcaption{font-size:8pt}
.facts{grid-template-columns:repeat(4,1fr);gap:1rem;padding:1rem 0;margin-top:1.25rem}
.facts dd b{font-size:14pt}
.facts small{font-size:8pt}
.scroll{overflow:visible;margin:0;padding:0}
table{font-size:7.5pt}
thead th{font-size:7.5pt}
th,td{padding:.2rem .4rem}
tr{break-inside:avoid}
tfoot{display:table-row-group}
.pair{grid-template-columns:1fr 1fr;gap:1rem 1.5rem}
.fovea-grid{grid-template-columns:repeat(8,1fr);gap:.6rem}
.fovea-grid li{break-inside:avoid}
.fovea-grid figcaption{font-size:7pt}
pre{font-size:8pt;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line)}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`
