/** Brings what is shown up to date without replacing it: focus, selection, scrolling and pictures stay as they are. */

/**
 * Make the children of `parent` look like `wanted`.
 *
 * Elements with a `data-key` are found again wherever they stand; others by their place.
 *
 * @param {Element} parent
 * @param {...(Node | string)} wanted  are used up
 */
export function morph(parent, ...wanted) {
  const nodes = wanted.map((node) => (typeof node === "string" ? document.createTextNode(node) : node));
  const keys = new Set(nodes.map(keyOf));
  // What has gone is taken out first: then whatever stays is not moved, and what has the focus keeps it.
  for (const child of [...parent.children]) {
    if (keyOf(child) && !keys.has(keyOf(child))) child.remove();
  }
  const known = new Map([...parent.children].map((child) => [keyOf(child), child]));
  let next = parent.firstChild;
  for (const node of nodes) {
    const key = keyOf(node);
    const found = key ? known.get(key) : next && !keyOf(next) ? next : null;
    if (!found || found.nodeName !== node.nodeName) {
      parent.insertBefore(node, next);
      continue;
    }
    if (found === next) next = next.nextSibling;
    else parent.insertBefore(found, next);
    refresh(found, node);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/**
 * @param {Node} shown
 * @param {Node} wanted
 */
function refresh(shown, wanted) {
  if (!(shown instanceof Element) || !(wanted instanceof Element)) {
    if (shown.nodeValue !== wanted.nodeValue) shown.nodeValue = wanted.nodeValue;
    return;
  }
  for (const { name } of [...shown.attributes]) {
    if (!wanted.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  morph(shown, ...wanted.childNodes);
}

/** @param {Node} node */
function keyOf(node) {
  return node instanceof HTMLElement ? (node.dataset.key ?? "") : "";
}
