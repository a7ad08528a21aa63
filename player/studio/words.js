/** Times, sizes and measurements, as people read them. */

import { el } from "../dom.js";

const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const DOLLARS = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
const CENTS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 4 });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Return a moment as it is said now, "3 hours ago" or "in 2 days"; older than a month, as a date.
 *
 * @param {string} iso
 */
export function relative(iso) {
  const distance = Date.parse(iso) - Date.now();
  const length = Math.abs(distance);
  if (length > 30 * DAY_MS) return exact(iso);
  if (length < MINUTE_MS) return "just now";
  if (length < HOUR_MS) return RELATIVE.format(Math.round(distance / MINUTE_MS), "minute");
  // "Tomorrow" is too little to know of a time limit.
  if (length < 2 * DAY_MS) return RELATIVE.format(Math.round(distance / HOUR_MS), "hour");
  return RELATIVE.format(Math.round(distance / DAY_MS), "day");
}

/**
 * Return a moment exactly, in the reader's time zone.
 *
 * @param {string} iso
 */
export function exact(iso) {
  return EXACT.format(new Date(iso));
}

/**
 * Return a moment as an element: said relatively, with the exact time behind it.
 *
 * @param {string} iso
 */
export function moment(iso) {
  return el("time", { datetime: iso, title: exact(iso) }, relative(iso));
}

/**
 * Return a size: "12 MB".
 *
 * @param {number} bytes
 */
export function size(bytes) {
  let amount = bytes;
  for (const unit of ["bytes", "kB", "MB", "GB"]) {
    if (amount < 1000) return `${amount.toFixed(unit === "GB" ? 1 : 0)} ${unit}`;
    amount /= 1000;
  }
  return `${amount.toFixed(2)} TB`;
}

/**
 * Return a measurement with its unit.
 *
 * @param {number} value
 * @param {string} unit
 */
export function measurement(value, unit) {
  return `${NUMBER.format(value)} ${unit}`.trim();
}

/**
 * Return an amount of money: "$12.50"; of less than a dollar, what can be told of it.
 *
 * @param {number} usd
 */
export function money(usd) {
  return (usd < 1 ? CENTS : DOLLARS).format(usd);
}

/** @type {Record<string, string>} */
const CHECKS = {
  av_start_skew: "Sound start",
  av_duration_skew: "Sound length",
  av_sync: "Lip sync",
  aspect: "Picture shape",
  levels: "Video levels",
};

/**
 * Return a check's name as a person writes it: "true_peak" is "True peak".
 *
 * @param {string} check
 */
export function checkName(check) {
  const words = CHECKS[check] ?? check.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
