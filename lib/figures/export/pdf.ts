/**
 * SVG text as a one-page vector PDF with its fonts embedded (subsets), by pdfkit. The page is the
 * figure: no margins. Carries no time and no random id, so that the same SVG gives the same bytes.
 */

import { ReportError } from "../figure.ts";
import { fontFace } from "./fonts.ts";

/** PDF points (1/72 inch) in a CSS pixel (1/96 inch). */
const pointsPerPixel = 72 / 96;

/** The part of a pdfkit document that is used here; the package brings no types. */
interface PdfDocument extends AsyncIterable<Uint8Array> {
  end(): void;
}

interface DrawOptions {
  width: number;
  height: number;
  fontCallback: (family: string, bold: boolean, italic: boolean) => string;
  warningCallback: (warning: string) => unknown;
}

type DrawSvg = (document: PdfDocument, svg: string, x: number, y: number, o: DrawOptions) => void;

/**
 * Draws an SVG document of `width` × `height` CSS pixels as a PDF page of the same physical size.
 *
 * @throws {ReportError} if the drawing holds something that a PDF cannot show as SVG does.
 */
export async function renderPdf(
  svg: string,
  { width, height }: { width: number; height: number },
): Promise<Uint8Array> {
  const { default: PDFDocument } = await import("pdfkit");
  const { default: SVGtoPDF } = await import("svg-to-pdfkit");
  const size = [width * pointsPerPixel, height * pointsPerPixel];
  // pdfkit derives the file's id from its information, so a fixed date fixes both.
  const information = { CreationDate: new Date(0) };
  const document: PdfDocument = new PDFDocument({ size, margin: 0, info: information });
  const warnings: string[] = [];
  (SVGtoPDF as DrawSvg)(document, withoutZeroDashes(svg), 0, 0, {
    width: size[0],
    height: size[1],
    fontCallback: (_family, bold, italic) => fontFace({ bold, italic }).path,
    warningCallback: (warning) => warnings.push(warning),
  });
  document.end();
  const pdf = await collect(document);
  if (warnings.length === 0) return pdf;
  throw new ReportError({
    problem: "cannot be drawn as PDF",
    option: "figure",
    value: warnings[0],
    expected: "shapes and text that svg-to-pdfkit draws",
  });
}

/** plotly.js marks arrows with dashes of length 0, which SVG allows and pdfkit does not. */
function withoutZeroDashes(svg: string): string {
  return svg.replace(
    /stroke-dasharray: [^;"]+/g,
    (dashes) => dashes.replace(/(?<![\d.])0px/g, "0.001px"),
  );
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks = await Array.fromAsync(stream);
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}
