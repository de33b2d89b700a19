/**
 * The public interface of reports: pure functions from data to drawings and whole HTML pages. They need no document
 * and no script, and are the same in Node and in browsers.
 * @module fovea/report
 */
export { firstFilters, worstMistakes } from './collect.ts'
export { type ComparedRun, comparisonPlot } from './comparePlot.ts'
export { ratePlot } from './lrPlot.ts'
export { report } from './report.ts'
export type { ReportData, ReportLayer, ReportMistake, ReportScore } from './reportData.ts'
export {
  parallelCoordinates,
  type SearchReportOptions,
  searchReport,
  slice as slicePlot,
  type TrialRow,
} from './searchReport.ts'
export { type SummaryPage, summaryPage } from './summaryPage.ts'
export { wilsonInterval } from './wilson.ts'
