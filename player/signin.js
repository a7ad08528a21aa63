/** The view of whoever is not signed in: why, and the way to the managed login. */

import { byId } from "./dom.js";

/**
 * Wire the view.
 *
 * @param {object} options
 * @param {(again: boolean) => Promise<void>} options.begin  leaves for the managed login; `again` asks for the password
 * @returns {(reason: string) => void}  shows why one has to sign in, if there is a reason
 */
export function wireSignIn({ begin }) {
  const button = /** @type {HTMLButtonElement} */ (byId("begin"));
  let again = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await begin(again);
    } finally {
      button.disabled = false;
    }
  });
  return (reason) => {
    again = reason !== "";
    byId("signin-reason").textContent = reason;
    button.focus();
  };
}
