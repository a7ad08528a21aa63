/** The viewer's devices: which there are, why the account is looked at, and signing them out. */

import { SignedOutError } from "./auth.js";
import { el } from "./dom.js";
import { inShort } from "./faults.js";

/** @typedef {import("./api.js").Devices} Devices */
/** @typedef {import("./api.js").KnownDevice} KnownDevice */

/** @type {Record<string, string>} */
const REASONS = {
  "other-households": "It is used in several other households.",
  "many-devices": "It is used on very many devices.",
  "many-networks": "It is used on very many networks.",
  "new-device-in-new-country": "A new device was used in a country where you have not watched before.",
  "impossible-travel": "A new device was used too far from your last one.",
};

/** @type {Record<string, string>} */
const STAGES = {
  notice: "The use of your account is unusual",
  challenge: "Sign out and in again to show that it is you",
  block: "Your account is paused: write to support",
};

/**
 * Show the devices.
 *
 * @param {HTMLElement} root
 * @param {Devices} account
 * @param {object} actions
 * @param {(device: KnownDevice) => Promise<void>} actions.onSignOut
 * @param {() => Promise<void>} actions.onSignOutAll
 */
export function showDevices(root, { devices, stage, reasons }, { onSignOut, onSignOutAll }) {
  const complaint = el("p", { class: "complaint", role: "alert" });
  /** @param {() => Promise<void>} act */
  async function attempt(act) {
    complaint.textContent = "";
    try {
      await act();
    } catch (error) {
      // Whose sign-in has ended is asked to sign in by now.
      if (!(error instanceof SignedOutError)) complaint.textContent = inShort(error);
    }
  }
  const all = button("Sign out everywhere", () => attempt(onSignOutAll));
  root.replaceChildren(
    el("h1", { tabindex: "-1" }, "Your devices"),
    complaint,
    STAGES[stage] ? warning(STAGES[stage], reasons) : "",
    devices.length
      ? el("ul", { class: "devices", role: "list" }, ...devices.map((device) => row(device, () => attempt(() => onSignOut(device)))))
      : el("p", {}, "No device has played yet."),
    all,
  );
}

/**
 * @param {string} heading
 * @param {string[]} reasons
 */
function warning(heading, reasons) {
  const said = reasons.map((reason) => el("li", {}, REASONS[reason] ?? reason));
  return el("div", { class: "panel", role: "status" }, el("h2", {}, heading), el("ul", {}, ...said));
}

/**
 * @param {KnownDevice} device
 * @param {() => void} onSignOut
 */
function row(device, onSignOut) {
  const name = device.name ?? "A device without a name";
  const used = new Date(device.last_seen_at * 1000);
  const where = [device.in_household ? "At home" : "", device.country ?? ""].filter(Boolean).join(" · ");
  return el(
    "li",
    { class: "panel" },
    el(
      "div",
      {},
      el("h2", {}, name),
      el("p", {}, "Last used ", el("time", { datetime: used.toISOString() }, used.toLocaleString())),
      where ? el("p", {}, where) : "",
    ),
    button("Sign out", onSignOut, `Sign out ${name}`),
  );
}

/**
 * @param {string} words
 * @param {() => void} onClick
 * @param {string} [label]  what it does, where that is not clear from its words alone
 */
function button(words, onClick, label = words) {
  const made = el("button", { class: "quiet", type: "button", "aria-label": label }, words);
  made.addEventListener("click", onClick);
  return made;
}
