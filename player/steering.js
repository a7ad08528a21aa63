/** Content steering, as Shaka Player 5.2.12 has it: what a manifest has to say for every pathway to be tried. */

/**
 * Make ready what a DASH manifest says of pathways, before Shaka reads it.
 *
 * Shaka leaves a host out for a minute that has failed, and takes a relative address for every host; and until the steering
 * server has answered, it tries the default pathways only.
 *
 * @param {any} mpd  Shaka's node of the `MPD` element
 */
export function makeSteerable(mpd) {
  const steering = children(mpd, "ContentSteering")[0];
  if (!steering) return;
  const urls = children(mpd, "BaseURL");
  for (const url of urls) url.children = [new URL(url.children.join("").trim(), location.href).href];
  const best = steering.attributes.defaultServiceLocation;
  const pathways = urls.map(({ attributes }) => attributes.serviceLocation);
  // Shaka takes a list with commas.
  steering.attributes.defaultServiceLocation = [best, ...pathways.filter((pathway) => pathway !== best)].join(",");
}

/**
 * @param {any} node
 * @param {string} name
 * @returns {any[]}
 */
function children(node, name) {
  return node.children.filter((/** @type {any} */ { tagName }) => tagName === name);
}
