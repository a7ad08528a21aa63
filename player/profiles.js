/** Who watches: the account's holder, or one of its profiles. */

import { el } from "./dom.js";

const STORE_KEY = "marquee.profile";

/**
 * @typedef {object} Profile
 * @property {string | null} profile_id  null: the account's holder
 * @property {string} name
 * @property {number | null} max_age  the highest rating that it may see; null: every one
 */

/**
 * The holder of an account without profiles: nobody has to be chosen there, so nobody is named.
 *
 * @type {Profile}
 */
export const ALONE = { profile_id: null, name: "", max_age: null };

/** Who watches in this tab, until somebody else is chosen or the viewer signs out. */
export class Watcher {
  /** @type {Profile | null} */
  #chosen = JSON.parse(sessionStorage.getItem(STORE_KEY) ?? "null");

  /** @returns {Profile | null}  null: nobody has said it yet */
  get chosen() {
    return this.#chosen;
  }

  /** @param {Profile} profile */
  choose(profile) {
    this.#chosen = profile;
    sessionStorage.setItem(STORE_KEY, JSON.stringify(profile));
  }

  forget() {
    this.#chosen = null;
    sessionStorage.removeItem(STORE_KEY);
  }
}

/**
 * Ask who watches.
 *
 * @param {HTMLElement} root
 * @param {Profile[]} profiles
 * @param {(profile: Profile) => void} onChoose
 */
export function showProfiles(root, profiles, onChoose) {
  const choices = profiles.map((profile) => {
    const limit = profile.max_age === null ? "" : el("span", { class: "meta" }, `Films up to ${profile.max_age}`);
    const button = el("button", { class: "panel", type: "button" }, el("span", { class: "name" }, profile.name), limit);
    button.addEventListener("click", () => onChoose(profile));
    return el("li", {}, button);
  });
  root.replaceChildren(
    el("h1", { tabindex: "-1" }, "Who watches?"),
    el("ul", { class: "profiles", role: "list" }, ...choices),
  );
}
