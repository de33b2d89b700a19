/**
 * The public interface of reports: pure functions from data to drawings and whole HTML pages. They need no document,
 * and are the same in Node and in browsers. A page has its script within it, and is complete without.
 * @module fovea/report
 */
export { type CalibrationPage, calibrationPage } from './calibrationPage.ts'
export { firstFilters, worstMistakes } from './collect.ts'
export { type ComparePage, comparePage } from './comparePage.ts'
export { type ComparedRun, comparisonPlot } from './comparePlot.ts'
export { ratePlot } from './lrPlot.ts'
export { type RatePage, ratePage } from './ratePage.ts'
export { report } from './report.ts'
export type { ReportData, ReportLayer, ReportMistake, ReportScore } from './reportData.ts'
export {
  parallelCoordinates,
  type SearchReportOptions,
  searchReport,
  slice as slicePlot,
  type TrialRow,
} from './searchReport.ts'
export { type SheetPage, sheetPage } from './sheetPage.ts'
export { type SummaryPage, summaryPage } from './summaryPage.ts'
export { wilsonInterval } from './wilson.ts'
