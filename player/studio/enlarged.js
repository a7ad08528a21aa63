/** A picture over the whole page, with the ones before and after it. */

import { byId } from "../dom.js";
import { icon } from "./icons.js";

export class Enlarged {
  #stills;
  /** @type {HTMLDialogElement} */
  #dialog = byId("enlarged");
  /** @type {HTMLImageElement} */
  #picture = byId("enlarged-picture");
  /** @type {HTMLButtonElement} */
  #earlier = byId("earlier");
  /** @type {HTMLButtonElement} */
  #later = byId("later");
  /** @type {{path: string, caption: string}[]} */
  #pictures = [];
  #index = 0;

  /** @param {import("./stills.js").Stills} stills */
  constructor(stills) {
    this.#stills = stills;
    this.#earlier.append(icon("back"));
    this.#later.append(icon("on"));
    this.#dialog.querySelector("form button")?.append(icon("fail"));
    this.#earlier.addEventListener("click", () => this.#turn(-1));
    this.#later.addEventListener("click", () => this.#turn(1));
    this.#dialog.addEventListener("keydown", ({ key }) => {
      if (key === "ArrowLeft") this.#turn(-1);
      if (key === "ArrowRight") this.#turn(1);
    });
    // A click beside the picture is on the dialog itself.
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.close();
    });
  }

  /**
   * @param {{path: string, caption: string}[]} pictures  all of the page, in order
   * @param {string} path                                 the one to begin with
   */
  open(pictures, path) {
    this.#pictures = pictures;
    this.#index = Math.max(0, pictures.findIndex((picture) => picture.path === path));
    this.refresh();
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  /** Show the picture, as far as it is there. */
  refresh() {
    const shown = this.#pictures[this.#index];
    if (!shown) return;
    const still = this.#stills.get(shown.path);
    const url = typeof still === "object" ? still.url : "";
    if (url) this.#picture.src = url;
    else this.#picture.removeAttribute("src");
    this.#picture.alt = shown.caption;
    byId("enlarged-caption").textContent = `${shown.caption} · ${this.#index + 1} of ${this.#pictures.length}`;
    // Not disabled: a disabled button would lose the focus that it has.
    this.#earlier.setAttribute("aria-disabled", String(this.#index === 0));
    this.#later.setAttribute("aria-disabled", String(this.#index === this.#pictures.length - 1));
    this.#stills.fetch(shown.path);
  }

  /** @param {number} by */
  #turn(by) {
    const index = this.#index + by;
    if (index < 0 || index >= this.#pictures.length) return;
    this.#index = index;
    this.refresh();
  }
}
