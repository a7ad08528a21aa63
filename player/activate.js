/** Letting a television in: its code is entered or confirmed, what asks is shown, and the viewer decides. */

import { ApiError } from "./api.js";
import { byId } from "./dom.js";

/** @type {Record<number, string>} */
const REFUSALS = {
  0: "We lost the connection. Check your network, then try again.",
  403: "Too many codes were entered. Wait ten minutes, then try again.",
  404: "No device waits with this code. Look at its screen, and enter the code that is there now.",
  422: "That is no code: it has eight letters.",
};

/**
 * Wire the view.
 *
 * @param {object} options
 * @param {import("./api.js").Api} options.api
 * @returns {(code: string) => void}  shows the view anew, with the code that the address brought
 */
export function wireActivation({ api }) {
  /** @type {HTMLFormElement} */
  const form = byId("device-code");
  const question = byId("device-question");
  let asked = "";

  /** @param {"form" | "question" | "outcome"} part */
  function only(part) {
    form.hidden = part !== "form";
    question.hidden = part !== "question";
    byId("device-outcome").hidden = part !== "outcome";
    byId("device-complaint").textContent = "";
  }

  /** @param {() => Promise<void>} act */
  async function attempt(act) {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      only("form");
      byId("device-complaint").textContent = REFUSALS[error.status] ?? "Something on our side went wrong. Try again.";
      form.code.focus();
    }
  }

  /** @param {"allow" | "deny"} decision */
  function decide(decision) {
    return attempt(async () => {
      await api.decideDevice(asked, decision);
      only("outcome");
      byId("device-outcome").textContent =
        decision === "allow" ? "It is signed in. Go on there." : "It was refused, and its code is of no use any more.";
    });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asked = form.code.value.trim();
    attempt(async () => {
      const { device } = await api.deviceRequest(asked);
      only("question");
      byId("device-name").textContent = device;
      byId("device-code-asked").textContent = asked;
      byId("device-allow").focus();
    });
  });
  byId("device-allow").addEventListener("click", () => decide("allow"));
  byId("device-deny").addEventListener("click", () => decide("deny"));

  return (code) => {
    form.reset();
    only("form");
    form.code.value = code;
    form.code.focus();
  };
}
