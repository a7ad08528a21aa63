// Draws graphs: DOT files, named in the arguments, become SVG beside them. Graphviz is compiled to WebAssembly.
import { readFileSync, writeFileSync } from "node:fs";
import { Graphviz } from "@hpcc-js/wasm-graphviz";

const graphviz = await Graphviz.load();
for (const path of process.argv.slice(2)) {
  const svg = graphviz.dot(readFileSync(path, "utf8"));
  writeFileSync(path.replace(/\.dot$/, ".svg"), svg);
}
