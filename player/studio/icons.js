/** The dashboard's icons: each says in a shape what its colour says. */

const SVG = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const SHAPES = {
  pass: "m5 12.5 4.6 4.6L19 7.6",
  fail: "M6.5 6.5l11 11m0-11-11 11",
  review: "M2.8 12S6.2 5.8 12 5.8 21.2 12 21.2 12 17.8 18.2 12 18.2 2.8 12 2.8 12Zm9.2 2.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z",
  back: "M15 5.5 8.5 12l6.5 6.5",
  on: "m9 5.5 6.5 6.5L9 18.5",
  picture: "M4 6h16v12H4zm0 9.5 4.5-4.5 4 4 2.5-2.5 5 5",
};

/**
 * @param {keyof typeof SHAPES} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}
