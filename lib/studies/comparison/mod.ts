/** Methods side by side on texts of one's own, as users call it. */

export * from "./comparison.ts";
export * from "./figure.ts";
export * from "./report.ts";
