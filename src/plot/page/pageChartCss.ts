/** Style sheet of charts and drawings that answer, on pages that have the colors `--ground`, `--text`, `--quiet` and `--line`. */
export const pageChartCss = `.fovea-chart{position:relative}
.fovea-hand{position:absolute;left:var(--left);top:var(--top);width:var(--width);height:var(--height);cursor:crosshair;touch-action:pan-y;user-select:none;-webkit-user-select:none}
.fovea-hand:focus-visible{outline:2px solid var(--fovea-blue);outline-offset:3px;border-radius:2px}
.fovea-dragged{position:absolute;top:0;bottom:0;background:color-mix(in srgb,var(--fovea-blue) 18%,transparent);border:solid var(--fovea-blue);border-width:0 1px}
.fovea-tip{position:absolute;top:calc(var(--top) + .25rem);z-index:1;max-width:calc(100% - 4rem);padding:.4rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--ground);color:var(--text);font-size:.8125rem;line-height:1.45;pointer-events:none;box-shadow:0 2px 8px #0002}
.fovea-tip:empty{display:none}
.fovea-answering{position:relative}
.fovea-part.on>rect:last-of-type{stroke:var(--fovea-blue);stroke-opacity:1;stroke-width:2;vector-effect:non-scaling-stroke}
.fovea-tip>b{font-weight:600}
.fovea-tip ul{list-style:none;margin:0;padding:0}
.fovea-tip li b{font-weight:600}
.fovea-key{display:inline-block;width:1em;margin-right:.45em;vertical-align:.27em;border-top:2px solid var(--hue)}
.fovea-dashed{border-top-style:dashed}.fovea-faint{opacity:.4}
.fovea-all,.fovea-tools button{min-height:1.5rem;padding:.05rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--ground);color:var(--text);font:inherit;font-size:.8125rem;cursor:pointer}
.fovea-all{position:absolute;right:0;bottom:100%;margin-bottom:.3rem}
.fovea-all:focus-visible,.fovea-tools button:focus-visible,.fovea-drawing:focus-visible,.fovea-parts:focus-visible,[data-trial]:focus-visible{outline:2px solid var(--fovea-blue);outline-offset:1px}
.fovea-tools{display:flex;gap:.4rem;margin-bottom:.5rem}
.fovea-zoomed{overflow:auto;max-height:85vh;cursor:grab}
[hidden]{display:none}
@media (pointer:coarse){.fovea-all,.fovea-tools button{min-height:2.75rem;padding:0 1rem}}
@media print{.fovea-tools,.fovea-hand,.fovea-tip,.fovea-all,.fovea-cursor,.fovea-hint{display:none}}`
