/** What users call of figures: drawing numbers of their own, writing files. */

export * from "./export/figure_files.ts";
export { checkDpi, pngDpi } from "./export/png.ts";
export * from "./figure.ts";
export type { ModelName } from "./models.ts";
export * from "./own_series.ts";
export {
  checkFigureOptions,
  type FigureOptions,
  type FigurePanels,
  type FigureWidth,
  type ThemeName,
} from "./theme.ts";
