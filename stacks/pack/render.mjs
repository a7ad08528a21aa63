// Draws graphs: DOT files, named in the arguments, become SVG beside them. Graphviz is compiled to WebAssembly.
import { readFileSync, writeFileSync } from "node:fs";
import { Graphviz } from "@hpcc-js/wasm-graphviz";

// Graphviz has no files here: it is told how large an icon is, and names it in the picture.
const ICON = { width: "26px", height: "26px" };

const graphviz = await Graphviz.load();
for (const path of process.argv.slice(2)) {
  const graph = readFileSync(path, "utf8");
  const icons = new Set([...graph.matchAll(/<IMG SRC="([^"]+)"/g)].map(([, name]) => name));
  const svg = graphviz.dot(graph, "svg", { images: [...icons].map((name) => ({ path: name, ...ICON })) });
  writeFileSync(path.replace(/\.dot$/, ".svg"), svg);
}
